/* glib-file.c: errors, and reading a file. */

GQuark g_file_error_quark(void)
{
  return 1; /* there is no other domain */
}

static GFileError fileError(int error)
{
  static const struct {
    int error;
    GFileError code;
  } codes[] = {
      {EEXIST, G_FILE_ERROR_EXIST}, {EISDIR, G_FILE_ERROR_ISDIR},
      {EACCES, G_FILE_ERROR_ACCES}, {ENAMETOOLONG, G_FILE_ERROR_NAMETOOLONG},
      {ENOENT, G_FILE_ERROR_NOENT}, {ENOTDIR, G_FILE_ERROR_NOTDIR},
      {ENXIO, G_FILE_ERROR_NXIO},   {ENODEV, G_FILE_ERROR_NODEV},
      {EROFS, G_FILE_ERROR_ROFS},   {ETXTBSY, G_FILE_ERROR_TXTBSY},
      {EFAULT, G_FILE_ERROR_FAULT}, {ELOOP, G_FILE_ERROR_LOOP},
      {ENOSPC, G_FILE_ERROR_NOSPC}, {ENOMEM, G_FILE_ERROR_NOMEM},
      {EMFILE, G_FILE_ERROR_MFILE}, {ENFILE, G_FILE_ERROR_NFILE},
      {EBADF, G_FILE_ERROR_BADF},   {EINVAL, G_FILE_ERROR_INVAL},
      {EPIPE, G_FILE_ERROR_PIPE},   {EAGAIN, G_FILE_ERROR_AGAIN},
      {EINTR, G_FILE_ERROR_INTR},   {EIO, G_FILE_ERROR_IO},
      {EPERM, G_FILE_ERROR_PERM},   {ENOSYS, G_FILE_ERROR_NOSYS},
  };
  for (size_t i = 0; i < G_N_ELEMENTS(codes); i++)
    if (codes[i].error == error)
      return codes[i].code;
  return G_FILE_ERROR_FAILED;
}

/* Puts what errno says into *error; doing is what failed. Returns FALSE. */
static gboolean setFileError(GError **error, const char *doing, const char *filename)
{
  int code = errno;
  if (!error)
    return FALSE;
  *error = g_new(GError, 1);
  **error = (GError){G_FILE_ERROR, fileError(code), g_strdup_printf("%s file “%s”: %s", doing, filename, strerror(code))};
  return FALSE;
}

void g_error_free(GError *error)
{
  g_return_if_fail(error != NULL);
  g_free(error->message);
  g_free(error);
}

void g_clear_error(GError **error)
{
  if (!error || !*error)
    return;
  g_error_free(*error);
  *error = NULL;
}

/* Reads to the end, of which size is a guess. Returns whether that worked; if not, with errno. */
static bool readAll(int fd, gsize size, gchar **contents, gsize *length)
{
  gchar *text = NULL;
  gsize n = 0, room = 0;
  ssize_t got = 1;
  while (got > 0 || (got < 0 && errno == EINTR)) {
    if (n + 1 >= room) {
      room = room ? 2 * room : size + 2;
      text = g_realloc(text, room);
    }
    got = read(fd, text + n, room - n - 1);
    if (got > 0)
      n += (gsize)got;
  }
  if (got < 0) {
    int error = errno;
    g_free(text);
    errno = error;
    return false;
  }
  text[n] = 0;
  *contents = text;
  *length = n;
  return true;
}

gboolean g_file_get_contents(const gchar *filename, gchar **contents, gsize *length, GError **error)
{
  struct stat info = {0};
  gsize n = 0;
  g_return_val_if_fail(filename != NULL, FALSE);
  g_return_val_if_fail(contents != NULL, FALSE);
  *contents = NULL;
  if (length)
    *length = 0;
  int fd = open(filename, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return setFileError(error, "Failed to open", filename);
  bool sized = fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_size > 0;
  bool good = readAll(fd, sized ? (gsize)info.st_size : 4096, contents, &n);
  if (!good)
    setFileError(error, sized ? "Failed to read from" : "Error reading", filename);
  else if (length)
    *length = n;
  close(fd);
  return good;
}
