/** How clients reach this server: STINT_PUBLIC_URL, or else the address it listens on. */
export class Endpoint {
  #url: string | undefined;

  constructor(configured: string | undefined) {
    this.#url = configured;
  }

  /** The address, without a slash at its end. Throws before the server listens, where none was configured. */
  get url(): string {
    if (this.#url === undefined) throw new Error('the server does not listen yet');
    return this.#url;
  }

  /** Called with the listening address; a configured one stays. */
  listening(url: string): void {
    this.#url ??= url;
  }
}
