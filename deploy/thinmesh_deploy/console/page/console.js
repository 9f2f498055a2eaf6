// Asks for a snapshot each second and shows it. Whatever the mesh says is set as text, never as markup.

const EVERY_MS = 1000;
const PATIENCE_MS = 4000;
const COURSE = 120; // snapshots that the small curves show
const CLASSES = ["critical", "standard", "batch"];
const TONES = {
  ready: "good", healthy: "good", succeeded: "good", running: "good",
  starting: "warn", draining: "warn", recovering: "warn", probing: "warn", waiting: "warn", queued: "", cancelling: "warn",
  failed: "bad", ejected: "bad", expired: "bad",
};

const $ = (id) => document.getElementById(id);
const shown = new Map(); // what each place shows, so that it is touched only where it changes
const course = { running: [], waiting: [], tokens: [] };
let heard = null; // when the mesh answered last

function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children.filter((one) => one !== null && one !== undefined).map((one) => (one instanceof Node ? one : String(one))));
  return made;
}

function show(id, value, draw) {
  const key = JSON.stringify(value);
  if (shown.get(id) === key) return;
  shown.set(id, key);
  $(id).replaceChildren(...[draw(value)].flat());
}

const pill = (word, tone = TONES[word] ?? "") => el("span", { class: `pill ${tone}` }, word);
const soft = (text) => el("span", { class: "soft" }, text);
const empty = (text) => el("p", { class: "empty" }, text);
const whole = (number) => Math.round(number).toLocaleString("en");

function short(number) {
  if (number < 10000) return whole(number);
  return number < 1e6 ? `${(number / 1e3).toFixed(1)} k` : `${(number / 1e6).toFixed(1)} M`;
}

function lasted(seconds) {
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}

function bar(share, text, tone = "") {
  const fill = el("div", { class: `fill ${tone}` });
  fill.style.width = `${Math.min(share, 1) * 100}%`;
  return el("div", { class: "load" }, el("div", { class: "track" }, fill), el("span", { class: "small" }, text));
}

// Columns are [title, cell, class]. A column that knows nothing (null) of any row is left out; on a small screen each cell has its title.
function table(rows, columns) {
  const cells = rows.map((row) => columns.map(([, cell]) => cell(row) ?? null));
  const told = columns.map((column, at) => ({ title: column[0], kind: column[2] ?? "", at })).filter(({ at }) => cells.some((row) => row[at] !== null));
  const head = told.map(({ title, kind }) => el("th", { scope: "col", class: kind }, title));
  const body = cells.map((row) => el("tr", {}, ...told.map(({ title, kind, at }) =>
    el("td", { class: row[at] === null ? `${kind} none` : kind, "data-label": title }, row[at] ?? (title && "–")))));
  return el("table", {}, el("thead", {}, el("tr", {}, ...head)), el("tbody", {}, ...body));
}

const classes = (counts) => {
  const there = CLASSES.filter((one) => counts[one]);
  if (!there.length) return soft("–");
  return el("span", { class: "parts" }, ...there.map((one) => el("span", {}, `${whole(counts[one])} `, soft(one))));
};

function models(seen) {
  if (!seen.length) return empty("No models are configured.");
  return table(seen, [
    ["model", (one) => one.model, "name"],
    ["state", (one) => (one.ready.length ? pill("ready") : pill("no backend", "bad"))],
    ["backends", (one) => soft(`${one.ready.length} of ${one.backends.length} ready`)],
    ["running", (one) => whole(one.running), "number"],
    ["waiting", (one) => classes(one.waiting)],
    ["longest wait", (one) => (one.longest_wait_seconds ? lasted(one.longest_wait_seconds) : soft("–")), "number"],
  ]);
}

function queue(models) {
  const lines = models.flatMap(({ model, lines }) => lines.map((line) => ({ model, ...line })));
  if (!lines.length) return empty("Nobody waits.");
  return table(lines, [
    ["tenant", (one) => one.tenant, "name"],
    ["model", (one) => one.model],
    ["class", (one) => one.priority],
    ["calls", (one) => whole(one.calls), "number"],
    ["tokens", (one) => short(one.tokens), "number"],
    ["waits", (one) => lasted(one.waited_seconds), "number"],
  ]);
}

function backends(seen) {
  if (!seen.length) return empty("No backends are configured.");
  return table(seen, [
    ["backend", (one) => one.backend, "name"],
    ["adapter", (one) => (one.adapter ? soft(one.adapter) : null)],
    ["state", (one) => pill(one.state)],
    ["breaker", (one) => pill(one.health)],
    ["load", (one) => bar(one.limit ? one.running / one.limit : 0, `${one.running} of ${one.limit}`)],
    ["in engine's queue", (one) => one.queued, "number"],
    ["KV cache", (one) => (one.kv_cache_use === null ? null : `${Math.round(one.kv_cache_use * 100)} %`), "number"],
    ["latency", (one) => (one.latency_seconds === null ? null : lasted(one.latency_seconds)), "number"],
    ["", (one) => (one.state === "ready" || !one.message ? null : soft(one.message)), "small"],
  ]);
}

function tenants({ seen, tokens }) {
  if (!seen.length) return empty("No tenants are configured.");
  return table(seen, [
    ["tenant", (one) => one.tenant, "name"],
    ["waiting", (one) => classes(one.waiting)],
    ["tokens in", (one) => short(tokens[one.tenant]?.input ?? 0), "number"],
    ["tokens out", (one) => short(tokens[one.tenant]?.output ?? 0), "number"],
    ["quota", quota],
  ]);
}

function quota(one) {
  const [measure, share] = Object.entries(one.used).sort((a, b) => b[1] - a[1])[0] ?? [];
  if (measure === undefined) return null;
  return bar(share, `${Math.round(share * 100)} % ${measure.replace("-per-", "/").replace("-", " ")}`, share >= 1 ? "bad" : share >= 0.8 ? "warn" : "");
}

function jobs(seen) {
  if (!seen.length) return empty("No jobs yet: thinmesh job submit makes one.");
  return table(seen, [
    ["job", (one) => one.job, "name"],
    ["tenant", (one) => one.tenant],
    ["kind", (one) => one.kind],
    ["state", (one) => pill(one.state)],
    ["progress", (one) => (one.total ? bar(one.done / one.total, `${whole(one.done)} of ${whole(one.total)}`) : null)],
    ["made", (one) => soft(new Date(one.created_unix_seconds * 1000).toLocaleTimeString("en-GB"))],
    ["took", (one) => (one.ended_unix_seconds === null ? soft("–") : lasted(one.ended_unix_seconds - one.created_unix_seconds)), "number"],
    ["", (one) => (one.link === null ? null : temporal(one)), "number"],
  ]);
}

function temporal(one) {
  if (!/^https?:\/\//.test(one.link)) return null;
  return el("a", { href: one.link, rel: "noreferrer", target: "_blank", "aria-label": `${one.job} in Temporal` }, "Temporal");
}

function curve(values) {
  const svg = (tag, attributes) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    return made;
  };
  const top = Math.max(1, ...values) * 1.15;
  const points = values.map((value, at) => `${COURSE - values.length + 1 + at},${(34 - (value / top) * 32).toFixed(1)}`);
  const drawn = svg("svg", { class: "course", viewBox: `0 0 ${COURSE} 34`, preserveAspectRatio: "none", "aria-hidden": "true" });
  drawn.append(
    svg("polygon", { points: `${COURSE - values.length + 1},34 ${points.join(" ")} ${COURSE},34` }),
    svg("polyline", { points: points.join(" ") }),
  );
  return drawn;
}

function figure(title, value, unit, values) {
  return el("div", { class: "figure" }, el("dt", {}, title), el("dd", {}, value, el("small", {}, unit)), values && curve(values));
}

const total = (tokens) => Object.values(tokens).reduce((sum, one) => sum + (one.input ?? 0) + (one.output ?? 0), 0);

function figures(told) {
  const seen = told.sight;
  const drawn = [];
  if (seen !== null) {
    remember(course.running, seen.backends.reduce((sum, one) => sum + one.running, 0));
    remember(course.waiting, told.queue.reduce((sum, one) => sum + one.calls, 0));
    remember(course.tokens, { at: told.unix_seconds, all: total(told.tokens) });
    const paces = course.tokens.map((one, at) => pace(course.tokens[Math.max(0, at - 10)], one));
    const ready = seen.backends.filter((one) => one.state === "ready" && one.health !== "ejected").length;
    drawn.push(
      figure("running", whole(course.running.at(-1)), "calls", course.running),
      figure("waiting", whole(course.waiting.at(-1)), "calls", course.waiting),
      figure("tokens", short(paces.at(-1)), "a second, as calls end", paces),
      figure("backends", `${ready}`, `of ${seen.backends.length} take calls`),
    );
  }
  $("figures").replaceChildren(...drawn);
}

function remember(values, value) {
  values.push(value);
  if (values.length > COURSE) values.shift();
}

const pace = (from, to) => (to.at > from.at ? Math.max(0, to.all - from.all) / (to.at - from.at) : 0);

function place(id, there) {
  $(id).closest("section").hidden = !there;
}

function draw(told) {
  const seen = told.sight;
  $("process").textContent = told.process;
  $("state").textContent = told.problems.length ? "not ready" : "ready";
  $("state").className = `pill ${told.problems.length ? "warn" : "good"}`;
  $("now").textContent = new Date(told.unix_seconds * 1000).toLocaleTimeString("en-GB");
  $("now").setAttribute("datetime", new Date(told.unix_seconds * 1000).toISOString());
  const problems = [...told.problems, ...(seen?.trouble ? [seen.trouble] : [])];
  $("problems").hidden = !problems.length;
  show("problems", problems, (lines) => lines.map((line) => el("li", {}, line)));
  show("notes", [...told.notes, ...told.unseen], (lines) => lines.map((line) => el("li", {}, line)));
  figures(told);
  for (const id of ["models", "queue", "backends", "tenants"]) place(id, seen !== null);
  place("jobs", told.jobs !== null || told.jobs_trouble !== null);
  if (seen !== null) {
    show("models", seen.models, models);
    show("queue", told.queue, queue);
    show("backends", seen.backends, backends);
    show("tenants", { seen: seen.tenants, tokens: told.tokens }, tenants);
  }
  show("jobs", [told.jobs, told.jobs_trouble], ([known, trouble]) => [
    ...(trouble === null ? [] : [el("p", { class: "banner warn" }, trouble)]),
    ...(known === null ? [] : [jobs(known)]),
  ]);
}

function tell(silent) {
  document.body.classList.toggle("lost", silent);
  $("lost").hidden = !silent;
  if (!silent) return;
  $("state").textContent = "no answer";
  $("state").className = "pill bad";
  const since = heard === null ? "" : ` since ${heard.toLocaleTimeString("en-GB")}. What stands below is what it said then`;
  $("lost").textContent = `The mesh does not answer${since}.`;
}

async function look() {
  try {
    const answer = await fetch("snapshot.json", { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
    if (!answer.ok) throw new Error(answer.statusText);
    draw(await answer.json());
    heard = new Date();
    tell(false);
  } catch (error) {
    console.warn(error);
    tell(true);
  }
}

async function follow() {
  for (;;) {
    if (!document.hidden) await look();
    await new Promise((wake) => setTimeout(wake, EVERY_MS));
  }
}

follow();
