"""SIGTERM ends the server in order, however soon it comes after the ready line."""


def test_a_stop_right_after_the_ready_line_is_orderly(server):
    server.stop()
    for _ in range(6):
        server.start()
        server.stop()
