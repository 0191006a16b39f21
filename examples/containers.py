"""Follow a log, and run commands in a container: with input, output and exit code."""

from __future__ import annotations

import dynkube

BOX = {"name": "box", "image": "busybox", "command": ["sh", "-c", "echo ready; exec sleep 300"]}
POD = {"metadata": {"name": "dynkube-box"}, "spec": {"containers": [BOX], "terminationGracePeriodSeconds": 0}}


def main(dyn: dynkube.DynamicClient) -> None:
    """Make a pod, speak with it, and tidy up."""
    pods = dyn.resource("v1", "pods").namespace("default")
    pods.create(POD)
    try:
        pods.wait("dynkube-box", dynkube.condition("Ready"), timeout=120)

        result = pods.exec("dynkube-box", ["echo", "hello"], timeout=30)
        print(result.exit_code, result.text.strip())
        print("back again:", pods.exec("dynkube-box", ["cat"], stdin=b"some input", timeout=30).text)
        try:
            pods.exec("dynkube-box", ["false"], check=True, timeout=30)
        except dynkube.CommandFailedError as error:
            print(error)

        with pods.open_exec("dynkube-box", ["cat"]) as process:
            process.write(b"a conversation")
            output = process.read(timeout=30)
            print(output.channel if output else "ended", output.data.decode() if output else "")
            process.close_stdin()
            print("ended with", process.wait(timeout=30))

        with pods.logs("dynkube-box", tail_lines=10) as log:
            for line in log:
                print("log:", line)
        print("the log:", log.ended)
    finally:
        pods.delete("dynkube-box", grace_period_seconds=0)


if __name__ == "__main__":
    with dynkube.connect() as client:
        main(client)
