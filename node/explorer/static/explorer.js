// What a page does by itself while it is open. Everything is readable without this.
//
// Times get the reader's own clock beside them. On live pages, when the node tells of a final
// block, the page is fetched again and its parts marked `data-part` are put in place of the old.

// ISO 8601 order in every language; the zone tells it from UTC. In UTC there is nothing to add.
const local = new Intl.DateTimeFormat("sv-SE", {
  dateStyle: "short", timeStyle: "medium",
});
const zone = new Intl.DateTimeFormat("en", { timeZoneName: "shortOffset" });

export function tellLocalTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]:not([data-told])")) {
    time.dataset.told = "";
    const moment = new Date(time.dateTime);
    if (!moment.getTimezoneOffset()) continue;
    const named = zone.formatToParts(moment).find((part) => part.type === "timeZoneName").value;
    const own = document.createElement("span");
    own.className = "local";
    own.textContent = `${local.format(moment)} ${named}`;
    if (time.closest("td, th")) time.title = own.textContent;
    else time.after(own);
  }
}

const PAUSE_MS = 2000; // between two fetches of a page
const SPOKEN_MS = 15000; // between two announcements to a screen reader

function replaceParts(page) {
  for (const old of document.querySelectorAll("[data-part]")) {
    const fresh = page.getElementById(old.id);
    if (!fresh || fresh.innerHTML === old.dataset.plain) continue;
    if (old.contains(document.activeElement)) continue; // never take the focus away
    const opened = [...old.querySelectorAll("details")].map((one) => one.open);
    fresh.querySelectorAll("details").forEach((one, at) => { one.open = opened[at] ?? false; });
    const known = new Set([...old.querySelectorAll("tr")].map((row) => row.dataset.plain));
    const plain = fresh.innerHTML;
    for (const row of fresh.querySelectorAll("tr")) {
      row.dataset.plain = row.textContent;
      if (known.size && !known.has(row.textContent)) row.classList.add("new");
    }
    old.replaceWith(fresh);
    fresh.dataset.plain = plain;
    tellLocalTimes(fresh);
  }
  document.dispatchEvent(new CustomEvent("parts"));
}

function remember() {
  for (const part of document.querySelectorAll("[data-part]")) {
    part.dataset.plain = part.innerHTML;
    for (const row of part.querySelectorAll("tr")) row.dataset.plain = row.textContent;
  }
}

function follow() {
  let waiting = false;
  let spoken = 0;
  const events = new EventSource("/v1/events");
  const refresh = async () => {
    waiting = false;
    if (document.hidden) return;
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (!answer.ok) return;
    replaceParts(new DOMParser().parseFromString(await answer.text(), "text/html"));
  };
  const soon = () => {
    if (!waiting) {
      waiting = true;
      setTimeout(() => refresh().catch(() => {}), PAUSE_MS);
    }
  };
  events.addEventListener("block", (event) => {
    const height = Number(event.lastEventId);
    const now = Date.now();
    if (now - spoken > SPOKEN_MS && !document.hidden) {
      spoken = now;
      const said = document.getElementById("announce");
      said.textContent = said.dataset.text.replace("{height}", height);
    }
    soon();
  });
  document.addEventListener("visibilitychange", soon);
  addEventListener("pagehide", () => events.close());
}

remember();
tellLocalTimes(document);
if ("live" in document.body.dataset) follow();
