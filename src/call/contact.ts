/** A person to call. Validated by the producer; inside, trusted. */
export interface Contact {
  /** E.164, e.g. `+12025550123`. */
  phone: string;
  name?: string | undefined;
  /** IANA name, when the file gave one; otherwise the number's own zone(s) are used. */
  timeZone?: string | undefined;
  /** HubSpot contact id, when known. */
  crmId?: string | undefined;
  /** Extra columns of the file, for `{{variables}}` in the campaign's texts. */
  variables: Record<string, string>;
}
