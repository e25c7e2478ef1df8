"""`python -m swarm ...`: Locust with our file; everything behind it is Locust's command line and ours."""

import sys

from locust.main import main

# Importing it tells Locust of our options, before it prints --help; of our file it knows only after that.
from swarm.options import LOCUSTFILE

if __name__ == "__main__":
    sys.argv[1:1] = ["-f", str(LOCUSTFILE)]
    main()
