using Broker.Client.Streams;
using Broker.Protocol;

namespace Broker.Client.Consuming;

internal sealed partial class Subscription
{
    // With ConsumerOptions.ConfirmSettles. A consumer's stream is read by whoever asks for messages. While nobody does and settlers wait for SETTLED, the settlers
    // read it: one loop for all of them, which ends when none waits or a reader comes.
    private readonly AwaitedSettlements? _awaited;
    private readonly KeptDeliveries? _kept;
    private readonly List<SequenceRange> _answered = [];
    private TaskCompletionSource? _settlersRead; // not null while their loop runs; completes when it has left the input
    private bool _inputTaken; // by a reader, who may still wait for the loop to leave

    private Task SettleAndWaitAsync(SequenceRange tags, long bytes, SettleOutcome outcome, string reason)
    {
        Task settled;
        bool read, over;
        lock (_gate)
        {
            ThrowIfOver();
            settled = _awaited!.Add(tags);
            over = IsOverAfter(tags);
            _settlements.Add(tags, outcome, reason);
            _settlements.AddCredit((long)tags.Count, bytes);
            _sender.Signal();
            read = TryTakeInputForSettlers();
        }

        if (read)
        {
            _ = ReadForSettlersAsync();
        }

        if (over)
        {
            _ = DisposeAsync().AsTask(); // which waits until everything is answered
        }

        return settled;
    }

    /// <summary>Takes the stream's input from the settlers, who read no more until <see cref="LeaveInput"/>.</summary>
    private Task TakeInputAsync(CancellationToken cancellationToken)
    {
        Task left;
        lock (_gate)
        {
            _inputTaken = true;
            if (_settlersRead is null)
            {
                return Task.CompletedTask;
            }

            left = _settlersRead.Task;
        }

        _input!.CancelPendingRead();
        return left.WaitAsync(cancellationToken);
    }

    /// <summary>Leaves the stream's input, to the settlers if some wait.</summary>
    private void LeaveInput()
    {
        bool read;
        lock (_gate)
        {
            _inputTaken = false;
            read = TryTakeInputForSettlers();
        }

        if (read)
        {
            _ = ReadForSettlersAsync();
        }
    }

    /// <summary>Under the gate: whether the caller is to read for the settlers, as somebody must and nobody does.</summary>
    private bool TryTakeInputForSettlers()
    {
        if (_settlersRead is not null || !MustReadForSettlers)
        {
            return false;
        }

        _settlersRead = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        return true;
    }

    /// <summary>Under the gate. Who disposes reads up to the end, and so for everybody.</summary>
    private bool MustReadForSettlers => !_awaited!.IsEmpty && !_inputTaken && !_disposing && _end is null;

    private async Task ReadForSettlersAsync()
    {
        while (GoOnReadingForSettlers())
        {
            try
            {
                if (!await ReadFramesAsync(null, CancellationToken.None).ConfigureAwait(false))
                {
                    await EndAsync(ServerEndedStream()).ConfigureAwait(false);
                }
            }
            catch (BrokerException)
            {
                // The stream is over, and whoever waited knows why.
            }
        }
    }

    private bool GoOnReadingForSettlers()
    {
        lock (_gate)
        {
            if (MustReadForSettlers)
            {
                return true;
            }

            // From here on this loop touches nothing, so the next one may begin before its task has completed.
            _settlersRead!.SetResult();
            _settlersRead = null;
            return false;
        }
    }

    private FrameVerdict OnSettled(ReadOnlySpan<byte> payload, out FrameFault fault)
    {
        if (!SettledFrame.TryRead(payload, _answered, out fault))
        {
            return FrameVerdict.Fault;
        }

        lock (_gate)
        {
            foreach (var tags in _answered)
            {
                if (!_awaited!.TryComplete(tags))
                {
                    fault = new FrameFault(ErrorCode.ProtocolViolation, $"SETTLED for {tags.First} to {tags.Last}, of which some are not settled");
                    return FrameVerdict.Fault;
                }
            }

            // What follows is better off in the transport's window, if nobody has asked for it.
            return _batch is null && _awaited!.IsEmpty ? FrameVerdict.Pause : FrameVerdict.Continue;
        }
    }

    /// <summary>A delivery while nobody reads but the settlers.</summary>
    private FrameVerdict Keep(in DeliverFrame deliver, int bodySize, out FrameFault fault)
    {
        if (!_kept!.TryAdd(deliver, bodySize))
        {
            fault = new FrameFault(ErrorCode.ProtocolViolation, $"delivery {deliver.Tag} came without credit");
            return FrameVerdict.Fault;
        }

        fault = default;
        return FrameVerdict.Continue;
    }
}
