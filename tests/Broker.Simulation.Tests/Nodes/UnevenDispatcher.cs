using Broker.Actors.Runtime.Embedded;

namespace Broker.Simulation.Tests.Nodes;

/// <summary>
/// Runs mailboxes in an order that only the seed decides, and now and then holds one back for a while: as a thread that the machine takes away from its work, while all others go on.
/// </summary>
internal sealed class UnevenDispatcher(Random random) : IActorDispatcher
{
    private readonly DeterministicDispatcher _actors = new(random.Next());
    private readonly List<(IThreadPoolWorkItem Mailbox, TimeSpan Until)> _held = [];

    /// <summary>Until when a mailbox that becomes runnable is held back; <c>null</c> for not at all, as most are.</summary>
    public Func<TimeSpan?> HoldUntil { get; set; } = static () => null;

    /// <summary>Mailboxes that can be run now.</summary>
    public int ReadyCount => _actors.ReadyCount;

    public void Schedule(IThreadPoolWorkItem mailbox, bool continues)
    {
        if (HoldUntil() is { } until)
        {
            _held.Add((mailbox, until));
        }
        else
        {
            _actors.Schedule(mailbox, continues);
        }
    }

    public bool RunOne() => _actors.RunOne();

    /// <summary>Time has passed: lets those go on that were held back until now.</summary>
    public void Release(TimeSpan now) => _held.RemoveAll(held =>
    {
        var isDue = held.Until <= now;
        if (isDue)
        {
            _actors.Schedule(held.Mailbox, continues: false);
        }

        return isDue;
    });
}
