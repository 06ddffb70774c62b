"""The nursery's process."""

import sys

from custodes.services.veiler.nursery import main

if __name__ == "__main__":
    main(sys.argv[1:])
