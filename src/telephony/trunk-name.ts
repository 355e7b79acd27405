/** `PJSIP/{e164}@my-carrier` → `PJSIP/my-carrier`; `PJSIP/my-carrier/sip:{digits}@host` → `PJSIP/my-carrier`. */
export function trunkName(dialString: string): string {
  const [tech = '', first = '', second] = dialString.split('/');
  if (second !== undefined) return `${tech}/${first}`;
  return `${tech}/${first.slice(first.lastIndexOf('@') + 1)}`;
}
