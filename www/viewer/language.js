/**
 * The words of the page in the reader's language. English stands where it is said, as t`…`; `language/LANGUAGE.js` has the same in another
 * language, by the English with its gaps numbered: "{0} of {1} MB".
 *
 * The language is chosen once, when the module is loaded: by the element's or its page's `lang`, by what the person chose on the
 * stand-alone page, or by the browser. What the program in the worker says, and the names in models and files, are not translated.
 */

/** The languages besides English. */
const LANGUAGES = ["de"];
/** Where the person's choice is kept. */
export const CHOICE = "pellucid-language";

export const language = chosen();

function chosen() {
  if (!globalThis.document) return "en";
  const { documentElement: root } = document;
  const element = document.querySelector("pellucid-viewer");
  // The pages that come with the viewer leave it to the person, and otherwise to the browser; a host's page has a language of its own.
  const free = root.dataset.language === "browser";
  const own = free ? element?.getAttribute("lang") : element?.closest("[lang]")?.lang;
  const wanted = [free && new URLSearchParams(location.search).get("lang"), own, free && kept(), ...(free || !root.lang ? navigator.languages : [])];
  for (const one of wanted.filter(Boolean)) {
    const [code] = one.toLowerCase().split("-");
    if (code === "en" || LANGUAGES.includes(code)) return code;
  }
  return "en";
}

function kept() {
  try {
    return localStorage.getItem(CHOICE);
  } catch {
    return null;
  }
}

/** English by its keys; a file that does not come costs the language, not the page. */
const words = language === "en" ? {} : await import(`./language/${language}.js`).then((file) => file.default, () => ({}));

/** The words in the reader's language, their gaps filled. */
export function t(strings, ...values) {
  const key = strings.reduce((text, part, index) => `${text}{${index - 1}}${part}`);
  return translated(key).replace(/\{(\d)\}/g, (_, index) => values[index]);
}

/** The same for words that are known by their English alone. */
export function translated(key) {
  return words[key] ?? key;
}

/** A number as it is written in the reader's language, with the same digits: a comma in German. */
export function written(digits) {
  return language === "de" ? digits.replace(".", ",") : digits;
}
