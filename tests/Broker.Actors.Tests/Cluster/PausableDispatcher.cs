using Broker.Actors.Runtime.Embedded;

namespace Broker.Actors.Tests.Cluster;

/// <summary>Stops a node as SIGSTOP does a process: nothing of it runs, and its connections stay open and silent.</summary>
internal sealed class PausableDispatcher : IActorDispatcher
{
    private readonly Lock _gate = new();
    private readonly List<(IThreadPoolWorkItem Mailbox, bool Continues)> _waiting = [];
    private bool _isPaused;

    public void Schedule(IThreadPoolWorkItem mailbox, bool continues)
    {
        lock (_gate)
        {
            if (_isPaused)
            {
                _waiting.Add((mailbox, continues));
                return;
            }
        }

        ThreadPoolDispatcher.Instance.Schedule(mailbox, continues);
    }

    public void Pause()
    {
        lock (_gate)
        {
            _isPaused = true;
        }
    }

    public void Resume()
    {
        lock (_gate)
        {
            _isPaused = false;
            foreach (var (mailbox, continues) in _waiting)
            {
                ThreadPoolDispatcher.Instance.Schedule(mailbox, continues);
            }

            _waiting.Clear();
        }
    }
}
