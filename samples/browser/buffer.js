// The part of Node's Buffer that the Web PubSub client uses for binary messages, for browsers.
export const Buffer = {
  from(data, encoding) {
    const bytes =
      encoding === "base64" ? Uint8Array.from(atob(data), (char) => char.charCodeAt(0)) : new Uint8Array(data);
    bytes.toString = () => btoa(String.fromCharCode(...bytes));
    return bytes;
  },
  concat(parts) {
    return new Uint8Array(parts.flatMap((part) => [...new Uint8Array(part)]));
  },
};
