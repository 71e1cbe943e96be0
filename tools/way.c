/* way.c: hmap run for a program that it has run before. What tools/hmaptool/way.py wrote down then is checked here, each time:
 * the program, every library that it loads, the dynamic linker's configuration and the variables it looks at are what they were.
 * If anything is not, or if somebody else could have written the record, the whole examination is made again.
 *
 * A record is a text of lines:
 *   hmap VERSION PATH        who wrote it
 *   linker VALUE             all variables of the dynamic linker, as linkerVariables() joins them
 *   path VALUE               PATH, if a script looks for its program there
 *   file DEV INO SIZE MTIME CTIME PATH     in hexadecimal digits, times in nanoseconds
 *   none PATH                there is no such file
 *   shadow FOLDERS           what LD_LIBRARY_PATH is to begin with
 *   exec PATH                what is run instead of the program
 *   end
 */
#include "hmap.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

extern char **environ;

enum { LARGEST_RECORD = 1 << 20 };

typedef struct Way {
  char *shadow, *exec;
} Way;

/* ---- the program */

static bool isProgram(const char *path)
{
  struct stat status;
  return !stat(path, &status) && S_ISREG(status.st_mode) && !access(path, X_OK);
}

/* As a shell finds it, and in the folders for administrators after that. */
static bool findProgram(const char *name, char *path, size_t size)
{
  const char *folders = getenv("PATH");
  char all[PATH_MAX * 2];
  if (strchr(name, '/'))
    return (size_t)snprintf(path, size, "%s", name) < size && isProgram(path);
  if ((size_t)snprintf(all, sizeof all, "%s:/usr/local/sbin:/usr/sbin:/sbin", folders ? folders : "/bin:/usr/bin") >= sizeof all)
    return false;
  for (char *rest = all, *folder; (folder = strsep(&rest, ":"));)
    if ((size_t)snprintf(path, size, "%s/%s", *folder ? folder : ".", name) < size && isProgram(path))
      return true;
  return false;
}

/* ---- the record's file */

/* Whether nobody but this user and root may change what lies here. A group of the same number as the user is the user's own. */
static bool isTrusted(int fd, const struct stat *status)
{
  uid_t user = geteuid();
  if (status->st_uid != user && status->st_uid != 0)
    return false;
  if (S_ISDIR(status->st_mode) && status->st_mode & S_ISVTX)
    return true;
  if (status->st_mode & S_IWOTH)
    return false;
  bool group = status->st_gid == 0 || status->st_gid == user;
  return !(status->st_mode & S_IWGRP) || (group && fgetxattr(fd, "system.posix_acl_access", NULL, 0) < 0 && errno != EACCES);
}

/* Opens a file by an absolute path without links, of which each folder is to be trusted. Returns a descriptor or -1. */
static int openTrusted(const char *path)
{
  char copy[PATH_MAX];
  struct stat status;
  int folder = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if ((size_t)snprintf(copy, sizeof copy, "%s", path + 1) >= sizeof copy)
    return -1;
  for (char *rest = copy, *name; folder >= 0 && (name = strsep(&rest, "/"));) {
    int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | (rest ? O_DIRECTORY : 0);
    bool good = !fstat(folder, &status) && isTrusted(folder, &status);
    int next = good ? openat(folder, name, flags) : -1;
    close(folder);
    folder = next;
  }
  if (folder >= 0 && (fstat(folder, &status) || !S_ISREG(status.st_mode) || !isTrusted(folder, &status))) {
    close(folder);
    return -1;
  }
  return folder;
}

/* hmap's folder in the user's cache, by its real path; as places.cache() finds it. */
static bool cacheFolder(char *real)
{
  char path[PATH_MAX];
  const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
  if (cache && *cache == '/')
    snprintf(path, sizeof path, "%s/hmap", cache);
  else if (home && *home == '/')
    snprintf(path, sizeof path, "%s/.cache/hmap", home);
  else
    return false;
  return realpath(path, real);
}

/* FNV-1a: only to get a name; whether it is the right record stands in it. */
static uint64_t nameHash(const char *text)
{
  uint64_t hash = 0xcbf29ce484222325;
  for (; *text; text++)
    hash = (hash ^ (unsigned char)*text) * 0x100000001b3;
  return hash;
}

/* The record of a program by its real path, to be freed, or NULL. */
static char *readRecord(const char *program)
{
  char folder[PATH_MAX], path[PATH_MAX + 64];
  if (!cacheFolder(folder))
    return NULL;
  snprintf(path, sizeof path, "%s/way/%016llx", folder, (unsigned long long)nameHash(program));
  int fd = openTrusted(path);
  struct stat status;
  char *text = NULL;
  if (fd >= 0 && !fstat(fd, &status) && status.st_size < LARGEST_RECORD && (text = calloc(1, (size_t)status.st_size + 1)) &&
      read(fd, text, (size_t)status.st_size) != status.st_size) {
    free(text);
    text = NULL;
  }
  if (fd >= 0)
    close(fd);
  return text;
}

/* ---- whether it holds */

/* All that the dynamic linker and GLib's start look at, one after the other, each with a byte of its own behind it. */
static char *linkerVariables(void)
{
  size_t n = 1;
  for (char **variable = environ; *variable; variable++)
    n += strlen(*variable) + 1;
  char *all = calloc(1, n), *end = all;
  for (char **variable = environ; all && *variable; variable++)
    if (!strncmp(*variable, "LD_", 3) || !strncmp(*variable, "GLIBC_TUNABLES=", 15))
      end += sprintf(end, "%s\001", *variable);
  return all;
}

static bool sameVariables(const char *wanted)
{
  char *found = linkerVariables();
  bool same = found && !strcmp(found, wanted);
  free(found);
  return same;
}

static uint64_t nanoseconds(struct timespec time)
{
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* fields: what stands behind "file". */
static bool sameFile(const char *fields)
{
  unsigned long long dev, ino, size, mtime, ctime;
  int n = 0;
  struct stat status;
  if (sscanf(fields, "%llx %llx %llx %llx %llx %n", &dev, &ino, &size, &mtime, &ctime, &n) != 5 || !n ||
      stat(fields + n, &status))
    return false;
  return status.st_dev == dev && status.st_ino == ino && (unsigned long long)status.st_size == size &&
         nanoseconds(status.st_mtim) == mtime && nanoseconds(status.st_ctim) == ctime;
}

static bool isAbsent(const char *path)
{
  return access(path, F_OK) && errno == ENOENT;
}

static bool holds(const char *word, char *value, Way *way)
{
  const char *path = getenv("PATH");
  if (!strcmp(word, "file"))
    return sameFile(value);
  if (!strcmp(word, "none"))
    return isAbsent(value);
  if (!strcmp(word, "linker"))
    return sameVariables(value);
  if (!strcmp(word, "path"))
    return path && !strcmp(path, value);
  if (!strcmp(word, "shadow"))
    return (way->shadow = value);
  return !strcmp(word, "exec") && (way->exec = value);
}

/* Whether everything that the record says is so. The way points into it. */
static bool recordHolds(char *record, const char *program, Way *way)
{
  char *line = strsep(&record, "\n");
  const char *first = identity();
  if (strcmp(line, first) || !(line = strsep(&record, "\n")) || strncmp(line, "file ", 5))
    return false;
  const char *path = strchr(line, '/');
  if (!path || strcmp(path, program) || !sameFile(line + 5))
    return false;
  while ((line = strsep(&record, "\n")) && strcmp(line, "end")) {
    char *word = strsep(&line, " ");
    if (!line || !holds(word, line, way))
      return false;
  }
  return line != NULL;
}

/* ---- taking it */

/* Puts the shadow in front of LD_LIBRARY_PATH. */
static bool takeShadow(const char *shadow)
{
  const char *before = getenv("LD_LIBRARY_PATH");
  char *value;
  if (!shadow)
    return true;
  if (asprintf(&value, before && *before ? "%s:%s" : "%s", shadow, before) < 0)
    return false;
  bool done = !setenv("LD_LIBRARY_PATH", value, 1);
  free(value);
  return done;
}

void takeKnownWay(char **argv)
{
  char found[PATH_MAX], real[PATH_MAX];
  Way way = {NULL, NULL};
  if (*argv && !strcmp(*argv, "--"))
    argv++;
  if (!*argv || **argv == '-' || !findProgram(*argv, found, sizeof found) || !realpath(found, real))
    return;
  char *record = readRecord(real);
  if (record && recordHolds(record, real, &way)) {
    char *kept = getenv("LD_LIBRARY_PATH") ? strdup(getenv("LD_LIBRARY_PATH")) : NULL;
    if (takeShadow(way.shadow))
      execve(way.exec ? way.exec : found, argv, environ);
    if (kept)
      setenv("LD_LIBRARY_PATH", kept, 1);
    else
      unsetenv("LD_LIBRARY_PATH");
    free(kept);
  }
  free(record);
}
