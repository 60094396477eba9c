"use strict";
// One text at a time is in the page; ratings are kept in the browser after every step.
(() => {
  const byId = (id) => document.getElementById(id);
  const page = JSON.parse(byId("data").textContent);
  const texts = page.cases.flatMap((item, place) =>
    item.texts.map((text, turn) => ({ ...text, item, place, turn: turn + 1 })));
  const indexOf = new Map(texts.map((text, index) => [text.id, index]));
  const storageKey = `rating-study/${page.study}/${page.rater}`;
  const buttons = [...byId("levels").querySelectorAll("button")];
  const isLevel = (value) => [1, 2, 3, 4].includes(value);

  // position: the index of the text shown; texts.length is the last screen.
  // undo: steps, each a list of [id, rating before or null].
  const state = { ratings: new Map(), undo: [], position: 0 };
  let shownCase = null;

  function load() {
    let kept = null;
    try {
      kept = JSON.parse(localStorage.getItem(storageKey));
    } catch (error) {
      warn(`The ratings kept in this browser cannot be read (${error.message}). If you exported a file, import it.`);
    }
    const known = ([id, value]) => indexOf.has(id) && isLevel(value);
    state.ratings = new Map(Object.entries(kept?.ratings ?? {}).filter(known));
    state.undo = Array.isArray(kept?.undo) ? kept.undo : [];
    const position = kept?.position;
    state.position = Number.isInteger(position) && position >= 0 && position <= texts.length ? position : 0;
  }

  function save() {
    const { undo, position } = state;
    try {
      localStorage.setItem(storageKey, JSON.stringify({ ratings: Object.fromEntries(state.ratings), undo, position }));
    } catch {
      warn("This browser does not keep your ratings. Export them before you close the page, and import them again.");
    }
  }

  function warn(message) {
    byId("banner-text").textContent = message;
    byId("banner").hidden = false;
  }

  const say = (message) => { byId("status").textContent = message; };

  function render() {
    const text = texts[state.position];
    const rated = state.ratings.size;
    byId("progress").max = texts.length;
    byId("progress").value = rated;
    byId("count").textContent = `${rated} of ${texts.length} rated`;
    byId("back").disabled = state.position === 0;
    byId("forward").disabled = !text;
    byId("undo").disabled = state.undo.length === 0;
    byId("rating").hidden = byId("levels").hidden = byId("rubric").hidden = !text;
    byId("end").hidden = Boolean(text);
    for (const button of buttons) {
      const chosen = Boolean(text) && Number(button.dataset.level) === state.ratings.get(text.id);
      button.setAttribute("aria-pressed", String(chosen));
    }
    if (text) renderText(text);
    else renderEnd(texts.length - rated);
  }

  function renderText(text) {
    if (shownCase !== text.item) renderCase(text);
    byId("text-heading").textContent = `Explanation ${text.turn} of ${text.item.texts.length}`;
    const empty = text.text.trim() === "";
    byId("text").textContent = empty ? "There is no text: the system gave no answer." : text.text;
    byId("text").classList.toggle("empty", empty);
  }

  function element(name, content) {
    const result = document.createElement(name);
    result.textContent = content;
    return result;
  }

  function renderCase({ item, place }) {
    const { title, facts, label } = item;
    byId("case-heading").textContent = `Case ${place + 1} of ${page.cases.length}`;
    byId("history").replaceChildren(...item.history.map((name) => element("li", name)));
    byId("title").textContent = title;
    const named = [["Brand", facts.brand], ["Tags", facts.tags], ["Features", facts.feature]];
    byId("facts").replaceChildren(...named.filter(([, value]) => value).flatMap(([name, value]) =>
      [element("dt", name), element("dd", value)]));
    byId("description-box").hidden = !facts.description;
    byId("description-box").open = false;
    byId("description").textContent = facts.description ?? "";
    byId("decision").className = `decision ${label ? "yes" : "no"}`;
    byId("decision").textContent = label
      ? "✓ The recommender recommends this item."
      : "✗ The recommender does not recommend this item.";
    shownCase = item;
  }

  function renderEnd(left) {
    byId("end-heading").textContent = left
      ? `${left} ${left === 1 ? "text has" : "texts have"} no rating yet`
      : "All rated, thank you";
    byId("end-text").textContent = left
      ? "This is the end of the list. You can go to what is left, or export what you have and go on later."
      : `Export the ratings of the ${texts.length} texts now, and send the file back.`;
    byId("end-next").hidden = left === 0;
    byId("end-export").classList.toggle("primary", left === 0);
  }

  function goTo(position) {
    const before = texts[state.position];
    state.position = Math.min(Math.max(position, 0), texts.length);
    save();
    render();
    const now = texts[state.position];
    // On a narrow screen the explanation lies below its case: the next one of the same case comes into view at once.
    const sameCase = now && before && now.item === before.item;
    const narrow = byId("text-heading").getBoundingClientRect().top > byId("title").getBoundingClientRect().top;
    if (sameCase && narrow) byId("text-heading").scrollIntoView({ block: "start" });
    else window.scrollTo(0, 0);
    // A button that is gone or disabled would keep the focus to itself.
    if (!now || !before || document.activeElement?.disabled) focusHeading();
  }

  function focusHeading() {
    const name = state.position < texts.length ? "case-heading" : "end-heading";
    byId(name).focus({ preventScroll: true });
  }

  function dismiss() {
    byId("banner").hidden = true;
    focusHeading();
  }

  function rate(level) {
    const text = texts[state.position];
    if (!text) return;
    state.undo.push([[text.id, state.ratings.get(text.id) ?? null]]);
    state.ratings.set(text.id, level);
    goTo(state.position + 1);
    say(`Rated ${level}. ${where()}`);
  }

  function undo() {
    const step = state.undo.pop();
    if (!step) return;
    for (const [id, before] of step) {
      if (before === null) state.ratings.delete(id);
      else state.ratings.set(id, before);
    }
    goTo(step.length === 1 ? indexOf.get(step[0][0]) : state.position);
    say(`Undone. ${where()}`);
  }

  function move(distance) {
    goTo(state.position + distance);
    say(where());
  }

  function nextUnrated() {
    const open = (text) => !state.ratings.has(text.id);
    const after = texts.findIndex((text, index) => index > state.position && open(text));
    const found = after >= 0 ? after : texts.findIndex(open);
    goTo(found >= 0 ? found : texts.length);
    say(where());
  }

  function where() {
    return state.position < texts.length ? `Text ${state.position + 1} of ${texts.length}.` : "End of the list.";
  }

  function exportRatings() {
    const ratings = Object.fromEntries([...state.ratings].sort(([a], [b]) => (a < b ? -1 : 1)));
    const content = { rater: page.rater, ratings, simulated: false, study: page.study };
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([JSON.stringify(content, null, 2), "\n"], { type: "application/json" }));
    link.download = `${page.study}-${page.rater}.json`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    const left = texts.length - state.ratings.size;
    say(`Exported ${state.ratings.size} ratings${left ? `; ${left} to go` : ""}.`);
  }

  // Returns what is wrong with a file of ratings, or null.
  function fault(content) {
    const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
    if (!isObject(content)) return "it is not an export of this page";
    if (content.study !== page.study) return `it belongs to the study ${content.study}, and this page to ${page.study}`;
    if (content.rater !== page.rater) return `its rater is ${content.rater}, and this page is for ${page.rater}`;
    if (content.simulated !== false) return "its ratings were not made by a person";
    const { ratings } = content;
    if (!isObject(ratings)) return "it has no ratings";
    for (const [id, value] of Object.entries(ratings)) {
      if (!indexOf.has(id)) return `it rates ${id}, which is not a text of this study`;
      if (!isLevel(value)) return `its rating of ${id} is ${JSON.stringify(value)}; expected 1, 2, 3 or 4`;
    }
    return null;
  }

  async function importRatings(file) {
    let content;
    try {
      content = JSON.parse(await file.text());
    } catch (error) {
      warn(`${file.name} was not imported: it is not JSON (${error.message}).`);
      return;
    }
    const wrong = fault(content);
    if (wrong) {
      warn(`${file.name} was not imported: ${wrong}.`);
      return;
    }
    byId("banner").hidden = true;
    const changed = Object.entries(content.ratings).filter(([id, value]) => state.ratings.get(id) !== value);
    if (changed.length) state.undo.push(changed.map(([id]) => [id, state.ratings.get(id) ?? null]));
    for (const [id, value] of changed) state.ratings.set(id, value);
    nextUnrated();
    say(`Imported: ${changed.length} ratings new or changed. ${where()}`);
  }

  for (const button of buttons) button.addEventListener("click", () => rate(Number(button.dataset.level)));
  const actions = {
    back: () => move(-1), forward: () => move(1), undo, export: exportRatings, import: () => byId("file").click(),
    "end-next": nextUnrated, "end-export": exportRatings, "end-back": () => goTo(texts.length - 1),
    dismiss,
  };
  for (const [id, action] of Object.entries(actions)) byId(id).addEventListener("click", action);
  byId("file").addEventListener("change", async (event) => {
    const [file] = event.target.files;
    if (file) await importRatings(file);
    event.target.value = "";
  });

  const keys = { ArrowLeft: () => move(-1), ArrowRight: () => move(1), u: undo, n: nextUnrated };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    // The place of the key counts too: some layouts give digits only with Shift.
    const digit = /^[1-4]$/.test(event.key) ? event.key : /^Digit([1-4])$/.exec(event.code)?.[1];
    const arrow = event.key.startsWith("Arrow");
    const action = digit ? () => rate(Number(digit)) : keys[arrow ? event.key : event.key.toLowerCase()];
    if (!action) return;
    event.preventDefault();
    // A key held down must not rate one text after another.
    if (!event.repeat || arrow) action();
  });
  // Another tab with the same page: its steps hold here too, so that neither overwrites the other.
  window.addEventListener("storage", (event) => {
    if (event.key === storageKey) {
      load();
      render();
    }
  });

  load();
  render();
})();
