#ifndef H
#define H
struct labyrinth *lab_port_default(void);
struct labyrinth *lab_port_default(void)
{
	return NULL;
}
static void home_run(void) {}
#endif
