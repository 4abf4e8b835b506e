namespace Broker.Node.Tests.Durability.Kills;

/// <summary>What everybody has seen of one queue over all lives of its node, and what must never be seen. Thread-safe.</summary>
internal sealed class QueueHistory(string queue, Action<string> violation)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<KillMessage, Fate> _fates = [];
    private readonly Dictionary<int, ulong> _highest = []; // by publisher: the highest number that was handed out
    private Dictionary<int, ulong> _highestOfEarlierLives = [];
    private int _life;
    private bool _draining;

    /// <summary>What is known of one message in this queue.</summary>
    private sealed class Fate
    {
        public bool Confirmed { get; set; }

        /// <summary>A consumer has sent an ack, and may not know what became of it.</summary>
        public bool Acked { get; set; }

        /// <summary>The life in which the settlement was confirmed; 0: it was not.</summary>
        public int SettledInLife { get; set; }

        /// <summary>The delivery count of the delivery that was settled.</summary>
        public long SettledCount { get; set; }

        /// <summary>It was delivered without the flag that says it may have been before.</summary>
        public bool CameAsNew { get; set; }

        /// <summary>It was in the queue at the end.</summary>
        public bool Drained { get; set; }
    }

    public long Settled { get; private set; }

    public long Redelivered { get; private set; }

    public long Drained { get; private set; }

    /// <summary>A consumer stream's view: the highest number of each publisher that came as new.</summary>
    public sealed class Stream
    {
        public Dictionary<int, ulong> Highest { get; } = [];
    }

    /// <summary>The node starts anew; nobody is connected.</summary>
    public void BeginLife()
    {
        lock (_lock)
        {
            _life++;
            _highestOfEarlierLives = new Dictionary<int, ulong>(_highest);
        }
    }

    /// <summary>From here on there is one consumer, which settles everything in the order in which it comes.</summary>
    public void BeginDrain()
    {
        BeginLife();
        _draining = true;
        _highest.Clear();
    }

    public void Published(KillMessage message)
    {
        lock (_lock)
        {
            _fates.TryAdd(message, new Fate());
        }
    }

    public void Confirmed(KillMessage message)
    {
        lock (_lock)
        {
            _fates[message].Confirmed = true;
        }
    }

    public void Delivered(Stream stream, ReadOnlySpan<byte> body, bool redelivered, long deliveryCount, out KillMessage message)
    {
        message = KillMessage.Of(body) ?? default;
        lock (_lock)
        {
            if (!_fates.TryGetValue(message, out var fate))
            {
                violation($"{queue}, life {_life}: a delivery of {body.Length} bytes is no message that was published to it: {Convert.ToHexString(body[..Math.Min(16, body.Length)])}");
                return;
            }

            Redelivered += redelivered ? 1 : 0;
            Check(redelivered == deliveryCount > 0, message, $"has delivery count {deliveryCount} and redelivered {redelivered}");
            var mayComeBack = fate.SettledInLife == 0 || (fate.SettledInLife == _life && deliveryCount <= fate.SettledCount);
            Check(mayComeBack, message, $"came back after its settlement was confirmed in life {fate.SettledInLife}");
            if (!redelivered)
            {
                CheckNew(stream, message, fate);
            }

            if (_draining)
            {
                CheckDrained(message, fate);
            }

            _highest[message.Publisher] = Math.Max(message.Number, _highest.GetValueOrDefault(message.Publisher));
        }
    }

    /// <summary>An ack is about to be sent.</summary>
    public void Acking(KillMessage message)
    {
        lock (_lock)
        {
            _fates[message].Acked = true;
        }
    }

    /// <summary>SETTLED has come.</summary>
    public void AckConfirmed(KillMessage message, long deliveryCount)
    {
        lock (_lock)
        {
            var fate = _fates[message];
            Check(fate.SettledInLife == 0, message, "was settled twice");
            fate.SettledInLife = _life;
            fate.SettledCount = deliveryCount;
            Settled++;
        }
    }

    /// <summary>At the end: whatever was confirmed must have been acked by somebody or been there.</summary>
    /// <returns>How many messages were confirmed.</returns>
    public long CheckNothingLost()
    {
        lock (_lock)
        {
            foreach (var (message, fate) in _fates)
            {
                Check(!fate.Confirmed || fate.Acked || fate.Drained, message, "was confirmed, never acked, and is not there");
            }

            return _fates.Values.LongCount(fate => fate.Confirmed);
        }
    }

    private void CheckNew(Stream stream, KillMessage message, Fate fate)
    {
        Check(!fate.CameAsNew, message, "came twice without the flag redelivered");
        fate.CameAsNew = true;
        var before = stream.Highest.GetValueOrDefault(message.Publisher);
        Check(message.Number > before, message, $"came as new behind {before} on the same stream");
        var earlier = _highestOfEarlierLives.GetValueOrDefault(message.Publisher);
        Check(message.Number > earlier, message, $"came as new although {earlier} was handed out in an earlier life");
        stream.Highest[message.Publisher] = message.Number;
    }

    private void CheckDrained(KillMessage message, Fate fate)
    {
        Check(!fate.Drained, message, "is in the queue twice");
        var before = _highest.GetValueOrDefault(message.Publisher);
        Check(message.Number > before, message, $"lies behind {before} in the queue");
        fate.Drained = true;
        Drained++;
    }

    private void Check(bool isRight, KillMessage message, string what)
    {
        if (!isRight)
        {
            violation($"{queue}, life {_life}: message {message.Number} of publisher {message.Publisher} {what}");
        }
    }
}
