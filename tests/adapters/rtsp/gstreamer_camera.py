"""A camera made of GStreamer's RTSP server, run with the system's Python; prints its port, then serves.

Arguments: h264 or h265. It plays a test picture with a clock's regularity at 25 pictures a second, and sound, which
nobody should set up. Exit code 77: something is not installed; the last line says what.
"""

import sys

try:
    import gi

    gi.require_version("Gst", "1.0")
    gi.require_version("GstRtspServer", "1.0")
    from gi.repository import GLib, Gst, GstRtspServer
except (ImportError, ValueError) as error:
    print(f"GStreamer's RTSP server for Python is not installed: {error}")
    sys.exit(77)

ENCODERS = {
    "h264": (
        "x264enc",
        "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=10 bitrate=400",
        "rtph264pay",
    ),
    "h265": (
        "x265enc",
        "x265enc tune=zerolatency speed-preset=ultrafast key-int-max=10 bitrate=400",
        "rtph265pay",
    ),
}

if __name__ == "__main__":
    Gst.init(None)
    codec = sys.argv[1]
    needed, encoder, payloader = ENCODERS[codec]
    for element in (needed, payloader, "videotestsrc", "alawenc", "rtppcmapay"):
        if Gst.ElementFactory.find(element) is None:
            print(f"GStreamer's element {element} is not installed")
            sys.exit(77)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service("0")
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(
        "( videotestsrc is-live=true pattern=ball ! video/x-raw,width=320,height=240,framerate=25/1 "
        f"! {encoder} ! {payloader} name=pay0 pt=96 config-interval=-1 "
        "audiotestsrc is-live=true ! alawenc ! rtppcmapay name=pay1 pt=8 )"
    )
    server.get_mount_points().add_factory("/live", factory)
    server.attach(None)
    print(server.get_bound_port(), flush=True)
    GLib.MainLoop().run()
