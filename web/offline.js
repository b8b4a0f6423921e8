// Keeps the page for when there is no network, and says when a newer one is there.
//
// Nothing depends on it: where service workers are refused (private windows, frames without storage) the page works as ever.

export async function keep() {
  // A page inside another one leaves nothing behind on its reader's machine.
  if (parent !== globalThis || !navigator.serviceWorker) return;
  const hadOne = Boolean(navigator.serviceWorker.controller);
  let registration;
  try {
    registration = await navigator.serviceWorker.register("./sw.js", { updateViaCache: "none" });
  } catch {
    return;
  }
  registration.addEventListener("updatefound", () => {
    const { installing } = registration;
    installing?.addEventListener("statechange", () => {
      if (installing.state === "activated" && hadOne) tell();
    });
  });
}

function tell() {
  if (document.querySelector(".newer")) return;
  const notice = document.createElement("p");
  notice.className = "newer";
  notice.setAttribute("role", "status");
  const close = document.createElement("button");
  close.textContent = "×";
  close.className = "quiet";
  close.setAttribute("aria-label", "Dismiss");
  close.addEventListener("click", () => notice.remove());
  notice.append("A newer Lastsave is here. It is used from the next reload. ", close);
  document.body.append(notice);
}

keep();
