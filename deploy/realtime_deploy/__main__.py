"""`python -m realtime_deploy`: write what is generated."""

from realtime_deploy.generated import write

if __name__ == "__main__":
    write()
