"""The six dashboards, in the order in which somebody who was woken up reads them."""

from realtime_dashboards.pages.capacity import capacity
from realtime_dashboards.pages.intake import intake
from realtime_dashboards.pages.overview import overview
from realtime_dashboards.pages.redis import redis
from realtime_dashboards.pages.reliability import reliability
from realtime_dashboards.pages.sockets import sockets

PAGES = (overview, intake, sockets, redis, reliability, capacity)
