#!/usr/bin/env bash
# Installs the Debian packages that tests and benchmarks use, where this is root's machine and they are missing:
# GStreamer's RTSP server (a camera that nobody here wrote), FFmpeg (the benchmarks' peer) and Chromium (the
# console's tests). Without them the tests concerned are skipped by name.
set -euo pipefail

wanted=(python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-base gstreamer1.0-plugins-good
        gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly ffmpeg chromium)
command -v dpkg-query >/dev/null || exit 0
missing=()
for package in "${wanted[@]}"; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0
if [ "$(id -u)" != 0 ]; then
  echo "not root, so not installed: ${missing[*]} (tests that need them are skipped)" >&2
  exit 0
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq && apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null \
  || echo "could not be installed: ${missing[*]} (tests that need them are skipped)" >&2
