// Puts the Lastsave playground into somebody's page: <script src="https://…/embed.js" defer></script>
//
// It upgrades <lastsave-playground> elements and <pre class="lastsave"> blocks. What they contain is shown until the
// reader asks for more, and stays if anything goes wrong. See docs/embedding.md; the types are in embed.d.ts.
(() => {
  const TAG = "lastsave-playground";
  if (customElements.get(TAG)) return;

  const VERSION = 1;
  const SIZE_KB = Number("__SIZE__") || 0;
  const script = document.currentScript ?? document.querySelector('script[src*="embed.js"]');
  const home = new URL("./", script.src);
  const READY_WITHIN_MS = 30_000;
  const EVENTS = ["ready", "state", "verdict", "resize", "error"];

  const STYLE = `
    :host { display: block; margin: 1em 0; color-scheme: light dark; }
    :host([hidden]) { display: none; }
    ::slotted(pre) { margin: 0; overflow: auto; }
    iframe { display: block; width: 100%; border: 0; border-radius: 6px 6px 0 0; background: #12171e; }
    .bar { display: flex; flex-wrap: wrap; gap: 6px 14px; align-items: center; padding: 7px 0;
      font: 14px/1.4 system-ui, sans-serif; }
    button { font: inherit; padding: 5px 12px; min-height: 32px; border: 1px solid currentColor; border-radius: 6px;
      background: none; color: inherit; cursor: pointer; }
    button:focus-visible, a:focus-visible { outline: 2px solid currentColor; outline-offset: 2px; }
    a { color: inherit; }
    .note { flex-basis: 100%; margin: 0; }
    [hidden] { display: none; }`;

  const make = (name, properties = {}) => Object.assign(document.createElement(name), properties);

  class Playground extends HTMLElement {
    static observedAttributes = ["theme", "height"];
    #frame;
    #ready = false;
    #waiting = [];
    #button = make("button", { type: "button" });
    #open = make("a", { textContent: "Open in playground", target: "_blank", rel: "noopener" });
    #note = make("p", { className: "note", hidden: true });
    #content = make("slot");
    #timer;
    #observer;

    constructor() {
      super();
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(STYLE);
      const bar = make("div", { className: "bar" });
      this.#note.setAttribute("role", "alert");
      bar.append(this.#button, this.#open, this.#note);
      const root = this.attachShadow({ mode: "open" });
      root.adoptedStyleSheets = [sheet];
      root.append(this.#content, bar);
      this.#button.addEventListener("click", () => (this.#frame ? this.reset() : this.#start()));
      this.#open.addEventListener("click", (event) => this.#openLater(event));
    }

    connectedCallback() {
      addEventListener("message", this.#heard);
      this.#offer();
      if (this.getAttribute("load") === "view") {
        this.#observer = new IntersectionObserver((seen) => {
          if (seen.some((entry) => entry.isIntersecting)) this.#start();
        });
        this.#observer.observe(this);
      }
    }

    disconnectedCallback() {
      removeEventListener("message", this.#heard);
      this.#stop();
    }

    attributeChangedCallback(name, before, value) {
      if (name === "theme" && this.#frame) this.#post({ type: "theme", theme: value ?? "auto" });
      if (name === "height") this.#resize();
    }

    /** Puts another scenario or link in place of the present one. */
    load({ scenario, link, autorun = false }) {
      this.#order({ type: "load", scenario, link, autorun });
    }

    /** Runs the lines that wait. */
    run() {
      this.#order({ type: "run" });
    }

    /** Starts again with what the page came with, or what was loaded last. */
    reset() {
      this.#order({ type: "reset" });
    }

    /** Enters lines, as if they were typed. */
    enter(...lines) {
      this.#order({ type: "enter", lines: lines.flat() });
    }

    #order(message) {
      if (!this.#frame) this.#start();
      this.#post(message);
    }

    #post(message) {
      if (this.#ready) this.#frame.contentWindow.postMessage({ lastsave: VERSION, ...message }, home.origin);
      else this.#waiting.push(message);
    }

    /** Shows the text with the offer to run it. */
    #offer() {
      if (this.#frame) return;
      this.#button.textContent = "Run this in your browser" + (SIZE_KB ? ` · ${SIZE_KB} KB` : "");
      this.#open.href = this.#address(this.#fragment());
      this.#content.hidden = false;
    }

    #stop() {
      clearTimeout(this.#timer);
      this.#observer?.disconnect();
      this.#frame?.remove();
      this.#frame = undefined;
      this.#ready = false;
      this.#waiting = [];
    }

    async #start() {
      if (this.#frame) return;
      this.#observer?.disconnect();
      this.#note.hidden = true;
      const frame = make("iframe", { title: this.getAttribute("label") ?? "Lastsave playground", allow: "clipboard-write" });
      frame.referrerPolicy = "no-referrer";
      // Its own origin it must keep, or it could start no worker; that origin is not this page's.
      frame.sandbox.add("allow-scripts", "allow-same-origin", "allow-downloads", "allow-popups");
      frame.sandbox.add("allow-popups-to-escape-sandbox");
      this.#frame = frame;
      this.#resize();
      this.#button.textContent = "Loading…";
      const address = this.getAttribute("src");
      let fragment = this.#fragment();
      if (address) {
        try {
          fragment = "scenario=" + encodeURIComponent(await this.#fetch(address));
        } catch (error) {
          return this.#failed(`The scenario ${address} could not be loaded: ${error.message}.`);
        }
        if (this.#frame !== frame) return;
      }
      const options = new URLSearchParams({ embed: VERSION });
      options.set("origins", this.getAttribute("origins") ?? location.origin);
      for (const name of ["theme", "tab"]) {
        if (this.getAttribute(name)) options.set(name, this.getAttribute(name));
      }
      for (const name of ["autorun", "readonly"]) {
        if (this.hasAttribute(name)) options.set(name, "");
      }
      frame.src = this.#address(fragment, options);
      this.#timer = setTimeout(
        () => this.#failed(`The playground at ${home.host} did not answer. The network or this page's policy may block it.`),
        READY_WITHIN_MS,
      );
      this.#content.hidden = true;
      this.shadowRoot.prepend(frame);
    }

    #failed(text) {
      this.#stop();
      this.#offer();
      this.#note.textContent = text;
      this.#note.hidden = false;
      this.#button.textContent = "Try again";
      this.#tell("error", { message: text });
    }

    async #fetch(address) {
      const response = await fetch(new URL(address, document.baseURI));
      if (!response.ok) throw new Error(`the answer is ${response.status}`);
      return response.text();
    }

    /** The page with the same in it, in a tab of its own. A scenario by address is read first. */
    #openLater(event) {
      const address = this.getAttribute("src");
      if (!address) return;
      event.preventDefault();
      const tab = open("about:blank", "_blank");
      this.#fetch(address).then(
        (text) => tab.location.replace(this.#address("scenario=" + encodeURIComponent(text))),
        (error) => {
          tab.close();
          this.#failed(`The scenario ${address} could not be loaded: ${error.message}.`);
        },
      );
    }

    #address(fragment, options = "") {
      const address = new URL(home);
      address.search = options;
      address.hash = fragment;
      return address.href;
    }

    /** What is to be run, as the page takes it behind the `#`. */
    #fragment() {
      const link = this.getAttribute("link");
      if (link) return link.slice(link.indexOf("#") + 1);
      const inline = (this.querySelector("script, template, pre, code") ?? this).textContent.trim();
      return this.hasAttribute("src") || !inline ? "" : "scenario=" + encodeURIComponent(inline + "\n");
    }

    #resize(wanted = 480) {
      if (!this.#frame) return;
      const given = parseInt(this.getAttribute("height"), 10);
      this.#frame.style.height = `${Math.min(Math.max(given || wanted, 240), 2000)}px`;
    }

    // Only what this element's own frame says, from where it was loaded, in this version.
    #heard = ({ source, origin, data }) => {
      if (!this.#frame || source !== this.#frame.contentWindow || origin !== home.origin) return;
      if (data?.lastsave !== VERSION || !EVENTS.includes(data.type)) return;
      const { lastsave, type, ...detail } = data;
      if (type === "ready" && !this.#ready) {
        clearTimeout(this.#timer);
        this.#ready = true;
        this.#button.textContent = "Reset";
        this.#waiting.splice(0).forEach((message) => this.#post(message));
      }
      if (type === "error" && !this.#ready) return this.#failed(`The playground could not start: ${detail.message}.`);
      if (type === "resize" && this.getAttribute("height") === "auto") this.#resize(detail.height);
      this.#tell(type, detail);
    };

    #tell(type, detail) {
      this.dispatchEvent(new CustomEvent(`lastsave-${type}`, { detail, bubbles: true, composed: true }));
    }
  }

  customElements.define(TAG, Playground);

  // A <pre class="lastsave"> becomes the text of such an element; its data-… attributes are the element's.
  const upgrade = () => {
    for (const pre of document.querySelectorAll("pre.lastsave")) {
      if (pre.closest(TAG)) continue;
      const element = make(TAG);
      for (const [name, value] of Object.entries(pre.dataset)) element.setAttribute(name, value);
      pre.replaceWith(element);
      element.append(pre);
    }
  };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", upgrade);
  else upgrade();
})();
