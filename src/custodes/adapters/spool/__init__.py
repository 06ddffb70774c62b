"""How bytes reach a disk and stay there: file operations, volumes, and the recorder's append path."""
