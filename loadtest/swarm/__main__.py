"""`python -m swarm ...`: Locust with our file; everything behind it is Locust's command line and ours."""

import sys
from pathlib import Path

from locust.main import main

# Here, too: asked for --help, Locust prints it before it has read any file.
from swarm import options  # noqa: F401

if __name__ == "__main__":
    sys.argv[1:1] = ["-f", str(Path(__file__).with_name("locustfile.py"))]
    main()
