"""What a record costs on its way, stage by stage: `.venv/bin/python -m loadtest.micro` from the repository's root."""
