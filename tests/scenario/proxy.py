"""Links between processes that a test can break: TCP proxies with real sockets, which need no privileges.

    network = Network(); network.start()
    link = Link()
    port = network.listen(lambda client: link, connect)     # connect: a coroutine function that gives (reader, writer) to the server
    link.freeze()     # nothing arrives and nothing ends: what is sent meanwhile arrives after heal()
    link.cut()        # packets vanish, where the link has a wire (lan.py) before the proxy; otherwise the same as freeze()
    link.refuse()     # connections are reset, and so is each new one
    link.delay_s = 0.7
"""

import asyncio
import glob
import os
import threading
import time


class Link:
    """Both directions of all connections between two processes."""

    def __init__(self, wire=None):
        self.wire = wire
        self.frozen = self.refusing = False
        self.delay_s = 0.0
        self.writers = set()
        self.loop = None

    def freeze(self):
        self.frozen = True

    def cut(self):
        if self.wire:
            self.wire.down()
        else:
            self.freeze()

    def refuse(self):
        self.refusing = True
        if self.loop:
            self.loop.call_soon_threadsafe(self._reset)

    def _reset(self):
        for writer in list(self.writers):
            writer.transport.abort()

    def heal(self):
        if self.wire:
            self.wire.up()
        self.frozen = self.refusing = False
        self.delay_s = 0.0

    def connections(self):
        return len(self.writers) // 2

    async def passed(self, came):
        """Returns when what came at this moment is due at the other end."""
        while self.frozen or time.monotonic() < came + self.delay_s:
            await asyncio.sleep(0.005)

    async def carry(self, reader, writer):
        """One direction of a connection, until its end, which is on its way for as long as all else."""
        queue = asyncio.Queue()

        async def deliver():
            while True:
                came, data = await queue.get()
                await self.passed(came)
                if not data:
                    return
                writer.write(data)
                await writer.drain()
        delivery = asyncio.ensure_future(deliver())
        try:
            while True:
                try:
                    data = await reader.read(65536)
                except OSError:
                    data = b""
                queue.put_nowait((time.monotonic(), data))
                if not data:
                    break
            await delivery
        except OSError:
            pass
        finally:
            delivery.cancel()
            writer.transport.abort()


class Network(threading.Thread):
    """What carries them: a thread with a loop of its own."""

    def __init__(self):
        super().__init__(daemon=True)
        self.loop = asyncio.new_event_loop()

    def run(self):
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    def listen(self, link_of, connect, address="127.0.0.1"):
        """The port at this address from which connections go to where connect() leads, by the link that link_of(client's address, port) names (None: none)."""
        async def accepted(reader, writer):
            link = link_of(*writer.get_extra_info("peername"))
            if link is None or link.refusing:
                writer.transport.abort()
                return
            try:
                far_reader, far_writer = await connect()
            except OSError:
                writer.transport.abort()
                return
            link.loop = self.loop
            link.writers |= {writer, far_writer}
            await asyncio.gather(link.carry(reader, far_writer), link.carry(far_reader, writer), return_exceptions=True)
            link.writers -= {writer, far_writer}

        async def begin():
            return await asyncio.start_server(accepted, address, 0)
        server = asyncio.run_coroutine_threadsafe(begin(), self.loop).result(10)
        return server.sockets[0].getsockname()[1]


def holder(port, pids):
    """Which of these processes has the socket that is bound to this port of 127.0.0.1; None: none of them."""
    inodes = set()
    for name in ("tcp", "tcp6"):  # libzmq's are of IPv6, with mapped addresses
        try:
            with open(f"/proc/net/{name}", encoding="ascii") as f:
                inodes |= {row[9] for row in (line.split() for line in f) if row[1].endswith(f"0100007F:{port:04X}")}
        except FileNotFoundError:
            continue
    wanted = {f"socket:[{inode}]" for inode in inodes if inode != "0"}
    for pid in pids:
        for path in glob.glob(f"/proc/{pid}/fd/*"):
            try:
                if os.readlink(path) in wanted:
                    return pid
            except OSError:
                continue
    return None
