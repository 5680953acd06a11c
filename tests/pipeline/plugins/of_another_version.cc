// Stands in for a plug-in without the function that the program asks for.
extern "C" int avsr_open_something_else() { return 0; }
