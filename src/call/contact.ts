/** A person to call. Validated by the producer; inside, trusted. */
export interface Contact {
  /** E.164, e.g. `+12025550123`. */
  phone: string;
  name?: string | undefined;
  /** IANA names: the file's one, else every zone that the number may be in. Empty is unknown, and then nobody is dialled. */
  timeZones: string[];
  /** HubSpot contact id, when known. */
  crmId?: string | undefined;
  /** Extra columns of the file, for `{{variables}}` in the campaign's texts. */
  variables: Record<string, string>;
}
