/** A piece of a page in which everything from outside is already escaped. */
export interface Html {
  readonly html: string;
}

type Content = Html | string | number | undefined | readonly Html[];

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

const escaped = (text: string) => text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '');

/** A template whose every blank is escaped, unless it is made by this very function. */
export function html(strings: TemplateStringsArray, ...contents: readonly Content[]): Html {
  const render = (content: Content): string => {
    if (content === undefined) return '';
    if (typeof content === 'string' || typeof content === 'number') return escaped(String(content));
    return 'html' in content ? content.html : content.map(render).join('');
  };
  return { html: strings.map((text, index) => text + (index < contents.length ? render(contents[index]) : '')).join('') };
}
