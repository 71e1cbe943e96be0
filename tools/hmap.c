/* hmap.c: the command hmap. What is quick is done here; for the rest it becomes Python, whose way of starting must not show: that
 * is isolated from what lies in the current folder, beside this file or in the environment, ^C cannot strike before it is ready,
 * and it is told what it has to give back to the program that hmap run or hmap env turns into. */
#include "hmap.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char self[PATH_MAX]; /* this file, by its real path */
static char root[PATH_MAX]; /* what stands before the folders of make install: a copy of the whole tree works in another place */

static void findSelf(void)
{
  static const char here[] = BINDIR "/hmap";
  ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
  size_t tail = sizeof here - 1;
  if (n <= 0)
    memcpy(self, here, sizeof here);
  if (n >= (ssize_t)tail && !strcmp(self + n - tail, here))
    snprintf(root, sizeof root, "%.*s", (int)((size_t)n - tail), self);
}

char *identity(void)
{
  static char text[PATH_MAX + 64];
  snprintf(text, sizeof text, "hmap " VERSION " %s", self);
  return text;
}

/* Opens /dev/null for each of the first three descriptors that is closed, so that no file gets its number, to which messages go.
 * Returns which were closed, a bit for each. */
static int fillDescriptors(void)
{
  int closed = 0;
  for (int fd = 0; fd < 3; fd++)
    if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) == fd)
      closed |= 1 << fd;
  return closed;
}

static int isIgnored(int number)
{
  struct sigaction action;
  return !sigaction(number, NULL, &action) && action.sa_handler == SIG_IGN;
}

/* For Python: what was closed; whether it will find SIGPIPE and SIGXFSZ ignored because they were, or because it did that itself;
 * and whether ^C was held back, as it is until Python is ready. */
static void describeState(char *text, size_t size)
{
  sigset_t interrupt, before;
  sigemptyset(&interrupt);
  sigaddset(&interrupt, SIGINT);
  sigprocmask(SIG_BLOCK, &interrupt, &before);
  snprintf(text, size, "%d %d %d %d", fillDescriptors(), isIgnored(SIGPIPE), isIgnored(SIGXFSZ), sigismember(&before, SIGINT));
}

/* The value of LC_ALL behind a "=", or "-" if there is none. It is set for Python, which would set LC_CTYPE otherwise, and that
 * for all the programs that it starts. */
static char *takeLocale(void)
{
  const char *value = getenv("LC_ALL");
  static char none[] = "-";
  char *kept;
  if (!value || asprintf(&kept, "=%s", value) < 0)
    kept = none;
  setenv("LC_ALL", "C.UTF-8", 1);
  return kept;
}

static int askPython(int argc, char **argv)
{
  static char python[] = PYTHON, isolated[] = "-ISB", option[] = "-X", utf8[] = "utf8", version[] = VERSION;
  char state[64], script[PATH_MAX + 64], libdir[PATH_MAX + 64];
  char **words = calloc((size_t)argc + 16, sizeof *words);
  if (!words)
    return fputs("hmap: out of memory\n", stderr), 2;
  describeState(state, sizeof state);
  snprintf(script, sizeof script, "%s" PKGDATADIR "/hmap.py", root);
  snprintf(libdir, sizeof libdir, "%s" LIBDIR, root);
  char *first[] = {python, isolated, option, utf8, script, version, self, libdir, state, takeLocale(), identity()};
  memcpy(words, first, sizeof first);
  for (int i = 1; i < argc; i++)
    words[sizeof first / sizeof *first + (size_t)i - 1] = argv[i];
  execv(PYTHON, words);
  fprintf(stderr, "hmap: " PYTHON " cannot be run (%s): install Python\n", strerror(errno));
  return 2;
}

int main(int argc, char **argv)
{
  findSelf();
  if (argc > 2 && !strcmp(argv[1], "--keep"))
    return keep(argv + 2);
  if (argc > 2 && !strcmp(argv[1], "run"))
    takeKnownWay(argv + 2);
  return askPython(argc, argv);
}
