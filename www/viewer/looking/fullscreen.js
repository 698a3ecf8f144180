/**
 * Shows an element on the whole screen, or, where the browser keeps that from pages (iPhones), over the whole page.
 */
export async function toggleFullScreen(element) {
  if (isFullScreen(element)) return leave(element);
  if (element.requestFullscreen && document.fullscreenEnabled) {
    if (document.fullscreenElement) await document.exitFullscreen();
    return element.requestFullscreen();
  }
  element.popover = "manual";
  element.showPopover();
  element.dispatchEvent(new Event("fullscreenchange"));
}

export function isFullScreen(element) {
  return element.matches(":fullscreen") || element.popover === "manual";
}

function leave(element) {
  if (element.matches(":fullscreen")) return document.exitFullscreen();
  element.hidePopover();
  element.popover = null;
  element.dispatchEvent(new Event("fullscreenchange"));
}
