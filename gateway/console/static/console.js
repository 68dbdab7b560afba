/* What the console adds where scripts run. Without it every page and every decision works all the same. */
"use strict";

(() => {
  const $ = (id) => document.getElementById(id);

  /* Whether the page is live: said in words and colour. */
  const live = (state, text) => {
    const badge = $("live");
    if (!badge) return;
    badge.hidden = false;
    badge.dataset.state = state;
    if ($("live-text").textContent !== text) $("live-text").textContent = text;
  };

  /* A page nobody looks at gives its connection back: browsers open only six to one host. It catches up when it is
     looked at again, for every stream begins with "everything". */
  const PATIENCE = 15000;
  class Stream {
    constructor(url) {
      this.url = url;
      this.listeners = [];
      this.open();
      let timer = null;
      document.addEventListener("visibilitychange", () => {
        clearTimeout(timer);
        if (this.ended) return; // refused by the server; whoever asked for it tries again with another one
        if (document.hidden) timer = setTimeout(() => { this.source.close(); live("off", "paused"); }, PATIENCE);
        else if (this.source.readyState === EventSource.CLOSED) this.open();
      });
    }
    open() {
      this.source = new EventSource(this.url);
      this.source.onopen = (event) => this.onopen && this.onopen(event);
      this.source.onerror = (event) => {
        this.ended = this.source.readyState === EventSource.CLOSED;
        if (this.onerror) this.onerror(event);
      };
      for (const [name, listener] of this.listeners) this.source.addEventListener(name, listener);
    }
    get readyState() { return this.source.readyState; }
    addEventListener(name, listener) {
      this.listeners.push([name, listener]);
      this.source.addEventListener(name, listener);
    }
    removeEventListener(name, listener) {
      this.listeners = this.listeners.filter(([, one]) => one !== listener);
      this.source.removeEventListener(name, listener);
    }
    close() { this.source.close(); }
  }
  if (window.htmx) htmx.createEventSource = (url) => new Stream(url);

  document.addEventListener("htmx:sseOpen", () => live("on", "live"));
  document.addEventListener("htmx:sseError", () => live("off", "reconnecting"));

  /* A part comes anew when something happened. What is the same stays untouched; what somebody is typing is never
     taken away; what was unfolded stays so. */
  const announce = (text) => { const news = $("news"); if (news) news.textContent = text; };
  const touched = (part) =>
    part.querySelector(".wrong") || // refused, and to be tried again: the answer and what was typed
    [...part.querySelectorAll("input:not([type=hidden], [type=radio], [type=checkbox]), textarea")].some(
      (field) => field.value !== field.defaultValue || field === document.activeElement
    );
  const essence = (part) => {
    const copy = part.cloneNode(true);
    copy.querySelectorAll("time").forEach((time) => { time.textContent = ""; });
    copy.querySelectorAll("details").forEach((one) => one.removeAttribute("open"));
    return copy.outerHTML.replace(/ (class|data-stale)="[^"]*htmx[^"]*"/g, "");
  };
  document.addEventListener("htmx:oobBeforeSwap", (event) => {
    const { target, fragment } = event.detail;
    const fresh = fragment.querySelector(`#${CSS.escape(target.id)}`) || fragment.firstElementChild;
    if (!fresh) return;
    if (essence(fresh) === essence(target)) { event.detail.shouldSwap = false; return; }
    if (touched(target)) {
      event.detail.shouldSwap = false;
      const note = target.querySelector("[data-stale-note]");
      if (note) note.hidden = false;
      announce("This part has changed meanwhile. What you typed is kept; reload the page to see the change.");
      return;
    }
    target.querySelectorAll("details[open][id]").forEach((one) => {
      const same = fresh.querySelector(`#${CSS.escape(one.id)}`);
      if (same) same.setAttribute("open", "");
    });
    if (fresh.dataset.news) announce(fresh.dataset.news);
  });
  document.addEventListener("htmx:oobAfterSwap", () => refresh());
  document.addEventListener("htmx:afterSwap", () => refresh());

  /* Another page than was asked for (signing in, an error) is shown as a page, not as a part of this one. */
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { xhr, requestConfig, target } = event.detail;
    const at = new URL(xhr.responseURL || location.href);
    if (/\/(sign-in|step-up)$/.test(at.pathname)) { event.detail.shouldSwap = false; location.assign(at); return; }
    if (requestConfig.verb === "post" && !xhr.responseText.includes(`id="${target.id}"`)) {
      event.detail.shouldSwap = false;
      failed(`It was refused (${xhr.status}). Reload the page and try again.`);
    }
  });
  const failed = (text) => {
    let line = $("failed");
    if (!line) {
      line = Object.assign(document.createElement("p"), { id: "failed", className: "said bad" });
      line.setAttribute("role", "alert");
      $("main").prepend(line);
    }
    line.textContent = text;
    line.scrollIntoView({ block: "nearest" });
  };
  document.addEventListener("htmx:responseError", (event) =>
    event.detail.requestConfig.verb === "post" &&
    failed(`The server could not do it (${event.detail.xhr.status}). Reload the page to see how things stand.`));
  document.addEventListener("htmx:sendError", (event) =>
    event.detail.requestConfig.verb === "post" &&
    failed("The server did not answer. Reload the page to see how things stand before you try again."));

  /* Relative times grow older. */
  const units = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  const relative = (seconds) => {
    const past = seconds >= 0, n = Math.abs(Math.round(seconds));
    if (n < 5) return "now";
    const [unit, size] = units.find(([, one]) => n >= one);
    const text = `${Math.floor(n / size)} ${unit}`;
    return past ? `${text} ago` : `in ${text}`;
  };
  const skew = Date.now() - Date.parse(document.documentElement.dataset.now || new Date().toISOString());
  const refresh = () => document.querySelectorAll("time[data-relative]").forEach((time) => {
    const text = relative((Date.now() - skew - Date.parse(time.dateTime)) / 1000);
    if (time.textContent !== text) time.textContent = text;
  });
  setInterval(refresh, 5000);

  /* Buttons answer once. */
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "yes";
    setTimeout(() => { delete form.dataset.sent; }, 4000);
  });
})();
