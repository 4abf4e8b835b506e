using System.Diagnostics;

namespace Broker.Actors.Runtime.Embedded;

/// <summary>
/// Messages of one cell, and whose turn it is. It is itself the work item that a dispatcher runs, so scheduling allocates nothing.
/// </summary>
/// <remarks>
/// <para>Full-mailbox rule: <see cref="Post"/> never blocks. A message to a full mailbox becomes a dead letter and counts as an overflow. Not bound
/// by the capacity, since their number is bounded elsewhere: system messages (in their own queue), and what the actor asked for itself (timer
/// messages, piped results, Terminated, receive timeout).</para>
/// <para>A lost wake-up is excluded as in Dekker's algorithm: a producer claims its position with a full fence and then reads the state; the consumer
/// writes the state with a full fence and then looks for claimed positions.</para>
/// </remarks>
internal sealed class Mailbox : IThreadPoolWorkItem
{
    // Post depends on the order: from Closed on, nobody will come and take messages.
    private const int Idle = 0;
    private const int Scheduled = 1;
    private const int Suspended = 2;
    private const int Closed = 3;
    private const int Draining = 4;

    private readonly MpscQueue _messages;
    private readonly SystemQueue _system = new();
    private readonly IActorDispatcher _dispatcher;
    private readonly int _throughput;

    /// <summary>Zero if this batch is not timed. Belongs to whoever has made the mailbox scheduled.</summary>
    private long _scheduledAt;
    private int _batch;
    private int _state;
    private int _overflowing;

    public Mailbox(ActorCell cell, int capacity, int throughput, IActorDispatcher dispatcher)
    {
        Cell = cell;
        _messages = new MpscQueue(capacity);
        _throughput = throughput;
        _dispatcher = dispatcher;
    }

    public ActorCell Cell { get; }

    public int Count => _messages.Count;

    /// <summary>From any thread.</summary>
    public void Post(object message, ActorRef? sender)
    {
        if (Volatile.Read(ref _state) >= Closed)
        {
            Cell.DeadLetter(message, sender, DeadLetterReason.NoReceiver);
            return;
        }

        if (_messages.TryEnqueue(message, sender))
        {
            WakeUp();
        }
        else
        {
            Overflow(message, sender);
        }
    }

    /// <summary>Posts past the capacity; see the remarks of the class for who may. From any thread.</summary>
    public void PostUnbounded(object message, ActorRef? sender)
    {
        _messages.Enqueue(message, sender);
        WakeUp();
    }

    /// <summary>From any thread. False if the cell has terminated.</summary>
    public bool PostSystem(SystemMessage message)
    {
        if (!_system.TryEnqueue(message))
        {
            return false;
        }

        var state = Volatile.Read(ref _state);
        while (state is Idle or Suspended)
        {
            var found = Interlocked.CompareExchange(ref _state, Scheduled, state);
            if (found == state)
            {
                Schedule(continues: false);
                break;
            }

            state = found;
        }

        return true;
    }

    /// <summary>Runs one batch. Called by the dispatcher alone.</summary>
    public void Execute()
    {
        var scheduledAt = _scheduledAt;
        var startedAt = scheduledAt == 0 ? 0 : Stopwatch.GetTimestamp();
        RunSystemMessages();
        var processed = 0;
        while (processed < _throughput && Cell.TakesMessages && _messages.TryDequeue(out var message, out var sender))
        {
            processed++;
            Cell.Invoke(message, sender);
            if (_system.HasMessages)
            {
                Cell.EndBatch();
                RunSystemMessages();
            }
        }

        Cell.EndBatch();
        Cell.CountProcessed(processed);
        if (scheduledAt != 0)
        {
            Cell.TypeMetrics.RecordBatch(scheduledAt, startedAt);
        }

        if (Volatile.Read(ref _state) < Closed)
        {
            GiveUpTurn();
        }
    }

    /// <summary>
    /// The cell has terminated: what is left and what comes is dead. Called in the cell's turn. The user messages come first, so that who watches
    /// too late to be in time is still told after them.
    /// </summary>
    public void Close(Action<SystemMessage> onLeftOver)
    {
        Interlocked.Exchange(ref _state, Closed);
        DrainClosed();
        _system.Close();
        while (_system.TryDequeue(out var left))
        {
            onLeftOver(left);
        }
    }

    private void RunSystemMessages()
    {
        while (_system.TryDequeue(out var message))
        {
            Cell.InvokeSystem(message);
        }
    }

    private void GiveUpTurn()
    {
        if (_overflowing != 0 && _messages.IsEmpty)
        {
            Volatile.Write(ref _overflowing, 0);
        }

        var takesMessages = Cell.TakesMessages;
        if (!HasWork(takesMessages))
        {
            var rest = takesMessages ? Idle : Suspended;
            Interlocked.Exchange(ref _state, rest);
            if (!HasWork(takesMessages) || Interlocked.CompareExchange(ref _state, Scheduled, rest) != rest)
            {
                return;
            }
        }

        Schedule(continues: true);
    }

    private bool HasWork(bool takesMessages) => _system.HasMessages || (takesMessages && !_messages.IsEmpty);

    private void WakeUp()
    {
        var state = Volatile.Read(ref _state);
        if (state == Idle)
        {
            if (Interlocked.CompareExchange(ref _state, Scheduled, Idle) == Idle)
            {
                Schedule(continues: false);
                return;
            }

            state = Volatile.Read(ref _state);
        }

        if (state >= Closed)
        {
            DrainClosed();
        }
    }

    private void Schedule(bool continues)
    {
        _scheduledAt = Cell.TypeMetrics.Samples(_batch++) ? Stopwatch.GetTimestamp() : 0;
        _dispatcher.Schedule(this, continues);
    }

    private void Overflow(object message, ActorRef? sender)
    {
        Cell.DeadLetter(message, sender, DeadLetterReason.MailboxFull);
        Cell.TypeMetrics.CountOverflow();
        if (Interlocked.Exchange(ref _overflowing, 1) == 0)
        {
            Cell.EmbeddedSystem.Report(ActorFaultKind.MailboxOverflow, Cell, null);
        }
    }

    /// <summary>Messages that came while the cell closed. Whoever gets the drain is the only consumer while it has it.</summary>
    private void DrainClosed()
    {
        while (!_messages.IsEmpty && Interlocked.CompareExchange(ref _state, Draining, Closed) == Closed)
        {
            var spin = default(SpinWait);
            while (!_messages.IsEmpty)
            {
                if (!_messages.TryDequeue(out var message, out var sender))
                {
                    // Claimed, and about to be filled by another thread.
                    spin.SpinOnce();
                }
                else if (!ReferenceEquals(sender, EngineMark.Instance))
                {
                    Cell.DeadLetter(message, sender, DeadLetterReason.NoReceiver);
                }
            }

            Interlocked.Exchange(ref _state, Closed);
        }
    }
}
