"""How clients are attached; thin, and all over the same gateway."""
