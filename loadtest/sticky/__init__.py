"""Real proxies before three pods that are restarted one by one: which sessions stay, and what clients miss.

Each proxy is told what the chart's preset for it says, once with stickiness and once without; stock clients come
through each of them by polling, by polling that upgrades, and by websocket alone.
"""
