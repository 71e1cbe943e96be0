/* hmap.h: the parts of the command hmap that are no Python: hmap.c starts the rest, way.c runs programs whose way is known,
 * keep.c holds a program's processes together while it is compared. */
#ifndef HMAP_TOOL_H
#define HMAP_TOOL_H

/* hmap run, where everything that was found out about the program still holds: becomes the program. Returns if it does not, or if
 * something has to be said. argv: what stands behind "run". */
void takeKnownWay(char **argv);

/* hmap --keep FD PID PROGRAM ARGV0...: for hmap compare, which cannot do these things from Python. Returns the exit status. */
int keep(char **argv);

/* Which hmap wrote a record of a way: the version, and the path of this file. */
char *identity(void);

#endif
