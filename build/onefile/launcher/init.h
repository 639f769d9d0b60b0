// Returns in a child of the calling process, which goes on as a minimal init and ends as that child ends.
void run_as_child_of_process_1(void);
