"""Facts from Kafka topics to exactly the browsers that may see them, over Socket.IO."""

from importlib.metadata import version

__version__ = version("realtime")
