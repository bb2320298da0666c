import asyncio
async def main():
    s = await asyncio.start_server(lambda r,w: w.close(), "127.0.0.1", 0)
    r, w = await asyncio.open_connection(*s.sockets[0].getsockname())
    print(await r.read()); w.close(); s.close()
asyncio.run(main(), debug=True)
print("end")
