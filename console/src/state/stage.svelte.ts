// The wall alone on the screen, without bars.

class Stage {
  isBare = $state(false);

  constructor() {
    document.addEventListener("fullscreenchange", () => {
      if (!document.fullscreenElement) this.isBare = false;
    });
  }

  async enter(): Promise<void> {
    this.isBare = true;
    // Refused where a page may not fill the screen; the bars are away all the same.
    await document.documentElement.requestFullscreen().catch(() => undefined);
  }

  leave(): void {
    this.isBare = false;
    if (document.fullscreenElement) void document.exitFullscreen();
  }
}

export const stage = new Stage();
