"""`python -m swarm ...`: Locust with our file; everything behind it is Locust's command line and ours."""

import sys
from pathlib import Path

from locust.main import main

# Our options are told to Locust by being imported; here, too, for --help is printed before any file of ours is read.
from swarm import options  # noqa: F401 - imported for what it does

if __name__ == "__main__":
    sys.argv[1:1] = ["-f", str(Path(__file__).with_name("locustfile.py"))]
    main()
