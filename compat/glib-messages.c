/* glib-messages.c: the log, assertions and g_print, with what they say in the form that GLib gives it. */

/* Formats into a buffer, or into new memory if it is too small; where there is none, what fits. Returns where it is. */
G_GNUC_PRINTF(3, 0) static char *formatInto(char *buffer, size_t size, const char *format, va_list args)
{
  va_list again;
  va_copy(again, args);
  int n = vsnprintf(buffer, size, format, args);
  char *large = n >= 0 && (size_t)n >= size ? malloc((size_t)n + 1) : NULL;
  if (large)
    vsnprintf(large, (size_t)n + 1, format, again);
  va_end(again);
  return large ? large : buffer;
}

static bool isAscii(const char *text)
{
  while (*text && !(*text & 0x80))
    text++;
  return !*text;
}

/* Writes in the locale's characters, with a question mark for each that it has not. */
static void writeConverted(FILE *to, iconv_t converter, char *text)
{
  size_t left = strlen(text);
  while (left > 0) {
    char out[256], *end = out;
    size_t room = sizeof out;
    size_t result = iconv(converter, &text, &left, &end, &room);
    bool unknown = result == (size_t)-1 && errno != E2BIG;
    fwrite(out, 1, (size_t)(end - out), to);
    if (!unknown)
      continue;
    fputc('?', to);
    do
      text++, left--;
    while (left > 0 && (*text & 0xc0) == 0x80);
  }
}

static void writeText(FILE *to, char *text)
{
  const char *charset = nl_langinfo(CODESET);
  iconv_t converter = (iconv_t)-1;
  if (!isAscii(text) && strcmp(charset, "UTF-8") != 0)
    converter = iconv_open(charset, "UTF-8");
  if (converter == (iconv_t)-1) {
    fputs(text, to);
  } else {
    writeConverted(to, converter, text);
    iconv_close(converter);
  }
  fflush(to);
}

G_GNUC_PRINTF(2, 0) static void writeFormatted(FILE *to, const char *format, va_list args)
{
  char buffer[1024], *text = formatInto(buffer, sizeof buffer, format, args);
  writeText(to, text);
  if (text != buffer)
    free(text);
}

/* writeFormatted with arguments of its own. */
G_GNUC_PRINTF(2, 3) static void writeLine(FILE *to, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  writeFormatted(to, format, args);
  va_end(args);
}

void g_print(const gchar *format, ...)
{
  va_list args;
  g_return_if_fail(format != NULL);
  va_start(args, format);
  writeFormatted(stdout, format, args);
  va_end(args);
}

void g_printerr(const gchar *format, ...)
{
  va_list args;
  g_return_if_fail(format != NULL);
  va_start(args, format);
  writeFormatted(stderr, format, args);
  va_end(args);
}

/* The log */

enum { alertLevels = G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_WARNING };

static const char *levelName(GLogLevelFlags level)
{
  return level & G_LOG_LEVEL_ERROR      ? "ERROR"
         : level & G_LOG_LEVEL_CRITICAL ? "CRITICAL"
         : level & G_LOG_LEVEL_WARNING  ? "WARNING"
         : level & G_LOG_LEVEL_MESSAGE  ? "Message"
         : level & G_LOG_LEVEL_INFO     ? "INFO"
         : level & G_LOG_LEVEL_DEBUG    ? "DEBUG"
                                        : "LOG";
}

/* Whether an environment variable, a list, has a word. */
static bool environmentHas(const char *variable, const char *word)
{
  const char *list = getenv(variable);
  size_t n = strlen(word);
  while (list && *list) {
    size_t length = strcspn(list, ":;, \t");
    if (length == n && strncasecmp(list, word, n) == 0)
      return true;
    list += length;
    list += strspn(list, ":;, \t");
  }
  return false;
}

static bool isFatal(GLogLevelFlags level)
{
  if (level & (G_LOG_LEVEL_ERROR | G_LOG_FLAG_FATAL))
    return true;
  if (level & G_LOG_LEVEL_CRITICAL && environmentHas("G_DEBUG", "fatal-criticals"))
    return true;
  return level & (G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_WARNING) && environmentHas("G_DEBUG", "fatal-warnings");
}

static bool isShown(const char *domain, GLogLevelFlags level)
{
  if (!(level & (G_LOG_LEVEL_INFO | G_LOG_LEVEL_DEBUG)) || environmentHas("G_MESSAGES_DEBUG", "all"))
    return true;
  return domain && environmentHas("G_MESSAGES_DEBUG", domain);
}

void g_log_default_handler(const gchar *log_domain, GLogLevelFlags log_level, const gchar *message, gpointer unused_data)
{
  char process[32] = "";
  struct timespec now;
  struct tm local;
  (void)unused_data;
  if (!isShown(log_domain, log_level))
    return;
  clock_gettime(CLOCK_REALTIME, &now);
  localtime_r(&now.tv_sec, &local);
  if (log_level & (alertLevels | G_LOG_LEVEL_DEBUG))
    snprintf(process, sizeof process, "(process:%lu): ", (unsigned long)getpid());
  writeLine(log_level & (alertLevels | G_LOG_LEVEL_MESSAGE) ? stderr : stdout, "%s%s%s%s%s%s%s: %02d:%02d:%02d.%03d: %s\n",
            log_level & alertLevels ? "\n" : "", log_domain ? "" : "** ", process, log_domain ? log_domain : "",
            log_domain ? "-" : "", levelName(log_level), log_level & alertLevels ? " **" : "", local.tm_hour, local.tm_min,
            local.tm_sec, (int)(now.tv_nsec / 1000000), message ? message : "(NULL) message");
}

typedef struct logHandler {
  GLogFunc func;
  gpointer data;
} logHandler;
static logHandler handler = {g_log_default_handler, NULL};
static pthread_mutex_t handlerLock = PTHREAD_MUTEX_INITIALIZER;

/* Exchanges the handler, if there is another one. Returns the one before. */
static logHandler exchangeHandler(const logHandler *other)
{
  pthread_mutex_lock(&handlerLock);
  logHandler old = handler;
  if (other)
    handler = *other;
  pthread_mutex_unlock(&handlerLock);
  return old;
}

GLogFunc g_log_set_default_handler(GLogFunc log_func, gpointer user_data)
{
  return exchangeHandler(&(logHandler){log_func ? log_func : g_log_default_handler, user_data}).func;
}

void g_logv(const gchar *log_domain, GLogLevelFlags log_level, const gchar *format, va_list args)
{
  char buffer[1024], *message = formatInto(buffer, sizeof buffer, format, args);
  logHandler to = exchangeHandler(NULL);
  bool fatal = isFatal(log_level);
  to.func(log_domain, fatal ? log_level | G_LOG_FLAG_FATAL : log_level, message, to.data);
  if (fatal) {
    raise(SIGTRAP); /* where a debugger stops, as in GLib */
    abort();
  }
  if (message != buffer)
    free(message);
}

void g_log(const gchar *log_domain, GLogLevelFlags log_level, const gchar *format, ...)
{
  va_list args;
  va_start(args, format);
  g_logv(log_domain, log_level, format, args);
  va_end(args);
}

/* Checks and assertions */

/* Our functions are known by GLib's names. */
void g_return_if_fail_warning(const char *log_domain, const char *pretty_function, const char *expression)
{
  static const char ours[] = "hmap_ghash_";
  bool isOurs = strncmp(pretty_function, ours, sizeof ours - 1) == 0;
  g_log(log_domain, G_LOG_LEVEL_CRITICAL, "%s%s: assertion '%s' failed", isOurs ? "g_" : "",
        isOurs ? pretty_function + sizeof ours - 1 : pretty_function, expression);
}

void g_warn_message(const char *domain, const char *file, int line, const char *func, const char *warnexpr)
{
  if (warnexpr)
    g_log(domain, G_LOG_LEVEL_WARNING, "(%s:%d):%s: runtime check failed: (%s)", file, line, func, warnexpr);
  else
    g_log(domain, G_LOG_LEVEL_WARNING, "(%s:%d):%s: code should not be reached", file, line, func);
}

void g_assertion_message(const char *domain, const char *file, int line, const char *func, const char *message)
{
  const char *name = domain ? domain : "", *colon = *name ? ":" : "";
  writeLine(stderr, "**\n%s%sERROR:%s:%d:%s: %s\n", name, colon, file, line, func, message);
  writeLine(stdout, "Bail out! %s%sERROR:%s:%d:%s: %s\n", name, colon, file, line, func, message);
  abort();
}

void g_assertion_message_expr(const char *domain, const char *file, int line, const char *func, const char *expr)
{
  g_assertion_message(domain, file, line, func,
                      expr ? g_strdup_printf("assertion failed: (%s)", expr) : "code should not be reached");
}

void hmap_ghash_assertion_numbers(const char *domain, const char *file, int line, const char *func, const char *expr,
                                  const char *format, ...)
{
  va_list args;
  va_start(args, format);
  gchar *numbers = g_strdup_vprintf(format, args);
  va_end(args);
  gchar *message = g_strdup_printf("assertion failed (%s): (%s)", expr, numbers);
  g_free(numbers);
  g_assertion_message(domain, file, line, func, message);
}

void hmap_ghash_assertion_strings(const char *domain, const char *file, int line, const char *func, const char *expr,
                                  const char *str1, const char *cmp, const char *str2)
{
  const char *quote1 = str1 ? "\"" : "", *quote2 = str2 ? "\"" : "";
  g_assertion_message(domain, file, line, func,
                      g_strdup_printf("assertion failed (%s): (%s%s%s %s %s%s%s)", expr, quote1, str1 ? str1 : "NULL", quote1,
                                      cmp, quote2, str2 ? str2 : "NULL", quote2));
}
