/** `PJSIP/{e164}@trunk` with the number in it: `{e164}` and `{number}` with its plus, `{digits}` without. */
export function dialString(template: string, phone: string): string {
  return template.replace(/\{(?:e164|number)\}/g, phone).replaceAll('{digits}', phone.slice(1));
}
