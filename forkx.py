import asyncio, os, sys
async def serve():
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    return server, reader, writer
async def main():
    server, reader, writer = await serve()
    child = os.fork()
    if not child:
        sys.exit(4)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
    print(await reader.read(), len(await serve()))
asyncio.run(main())
