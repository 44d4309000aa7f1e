"""Ports on loopback that nobody uses, below those that the system gives to outgoing connections.

From the ephemeral range a port may be taken by any outgoing connection while its server is being
restarted, and a connection to a port there without a listener may even meet itself.
"""

import random
import socket

_taken = set()


def _ephemeral_begins():
    try:
        with open("/proc/sys/net/ipv4/ip_local_port_range") as file:
            return int(file.read().split()[0])
    except (OSError, ValueError):
        return 32768


def free():
    """A port that nobody listens on and that this run has not given out yet."""
    low, high = 12000, max(_ephemeral_begins(), 14000)
    for _ in range(1000):
        port = random.randrange(low, high)
        if port in _taken:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _taken.add(port)
        return port
    raise RuntimeError(f"no free port between {low} and {high}")


def answers(port):
    """Whether something accepts connections there."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
