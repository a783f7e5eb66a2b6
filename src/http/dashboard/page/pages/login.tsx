// Asks for the token, once: the server answers with a cookie.
import { useState } from "preact/hooks";

export function LoginPage({ onOpen }: { readonly onOpen: () => void }) {
  const [token, setToken] = useState("");
  const [problem, setProblem] = useState("");
  const send = async (event: Event) => {
    event.preventDefault();
    const response = await fetch("/api/session", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ token }),
    }).catch(() => undefined);
    if (response?.ok) return onOpen();
    const answer = await response?.json().catch(() => undefined);
    setProblem(answer?.detail ?? "Freshet does not answer");
  };
  return (
    <main class="login">
      <form onSubmit={send}>
        <h1>Freshet</h1>
        <p>This dashboard is locked. The token of FRESHET_READ_TOKEN opens it, or that of FRESHET_API_TOKEN.</p>
        <label class="field">
          <span>Token</span>
          <input
            type="password"
            autocomplete="current-password"
            value={token}
            onInput={(event) => setToken(event.currentTarget.value)}
          />
        </label>
        {problem && <p class="problem" role="alert">{problem}</p>}
        <button type="submit">Open</button>
      </form>
    </main>
  );
}
