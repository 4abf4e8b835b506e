using System.Globalization;
using System.Text;
using Broker.Machines.Ledgers;
using Broker.Machines.Messages;
using Broker.Machines.Queues;
using Broker.Machines.Tests.Ledgers;
using Broker.Machines.Tests.Messages;
using Broker.Protocol;

namespace Broker.Machines.Tests.Queues;

/// <summary>
/// Plays a story on a <see cref="QueueMachine"/>. A story is a text: a command per line, and under each, after <c>&gt;</c>, what came of it.
/// The whole text is compared, so nothing may happen that the story does not tell.
/// </summary>
/// <remarks>
/// <code>
/// publish SHOP A B:20 ...             a batch; sizes in bytes, 10 unless given
/// subscribe C [exclusive] [no-ack]
/// grant C 2 [100]                     messages and bytes; a million bytes unless given
/// ack|requeue|reject C 1..2 4         delivery tags
/// get C [no-ack]       cancel C       consumer-gone C        publisher-gone SHOP
/// purge                delete [if-unused] [if-empty]         peek 3     state
/// </code>
/// A durable queue has these too. What it logs is on the disk after <c>commit</c>, and what it wants to read comes with <c>read</c>.
/// <code>
/// publish SHOP A B @7                 of a producer of that name, with sequences 7 and 8
/// commit               read           damage 3..4 (positions)        restart
/// block REASON         unblock        memory short|enough
/// </code>
/// Effects are taken after each command, but a line that ends in <c>&amp;</c> leaves that to the next one. In a delivery, <c>3:A</c> is tag 3 and
/// <c>A*2</c> a message that was handed out twice before.
/// </remarks>
internal sealed partial class QueueScript
{
    private readonly QueueLimits _limits;
    private readonly List<string> _names = [""];
    private readonly StringBuilder _trace = new();
    private readonly QueueDisk _disk = new();
    private QueueMachine _machine;
    private QueueEffect.Load? _load;
    private readonly QueueLedger _follower = new(); // who applies the same records
    private long _lastBatch;

    private QueueScript(QueueLimits limits, QueueLedger? ledger, QueueSettings? settings = null)
    {
        _limits = limits;
        _machine = new QueueMachine(limits, ledger, settings);
    }

    public static void Play(string story) => Play(new QueueLimits(), story);

    public static void Play(QueueLimits limits, string story) => Play(new QueueScript(limits, ledger: null), story);

    public static void PlayDurable(QueueLimits limits, string story) => Play(new QueueScript(limits, new QueueLedger()), story);

    private static void Play(QueueScript script, string story)
    {
        foreach (var line in story.Split('\n'))
        {
            if (!line.TrimStart().StartsWith('>'))
            {
                script.PlayLine(line);
            }
        }

        Assert.Equal(story.Trim(), script._trace.ToString().Trim());
        if (script._machine.Ledger is { } ledger)
        {
            LedgerText.AssertAlike(ledger, QueueLedger.Restore(ledger.Checkpoint().Span, ledger.LastIndex));
            Assert.Equal(LedgerText.ContentOf(ledger), LedgerText.ContentOf(script._follower));
        }
    }

    private void PlayLine(string line)
    {
        _trace.Append(line).Append('\n');
        var words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (words.Length == 0 || words[0] == "#")
        {
            return;
        }

        var dispatch = words[^1] != "&";
        Perform(words[0], dispatch ? words[1..] : words[1..^1]);
        if (dispatch)
        {
            _machine.Dispatch();
            if (_machine.TakeRecord() is { } record)
            {
                _disk.Append(_machine.Ledger!.LastIndex, record);
                _follower.Apply(QueueRecordCodec.Decode(QueueRecordCodec.Encode(record).Span, record.FirstPosition, record.MessageBytes), record.Messages.Length);
            }

            while (_machine.TryTakeEffect(out var effect))
            {
                Tell(Describe(effect));
            }
        }
    }

    private void Perform(string command, string[] args)
    {
        switch (command)
        {
            case "publish":
                Publish(args[0], [.. args[1..].Where(a => a[0] != '@').Select(MessageOf)], args[^1][0] == '@' ? Number(args[^1][1..]) : null);
                break;
            case "subscribe":
                Refuse(_machine.HandleSubscribe(
                    Consumer(args),
                    exclusive: args.Contains("exclusive"),
                    noAck: args.Contains("no-ack"),
                    maxMessageBytes: OptionOf(args, "max") ?? int.MaxValue,
                    priority: OptionOf(args, "priority") ?? 0));
                break;
            case "grant":
                _machine.HandleGrant(Consumer(args), Number(args[1]), args.Length > 2 ? Number(args[2]) : 1_000_000);
                break;
            case "ack" or "requeue" or "reject":
                var because = Array.IndexOf(args, "because");
                var ranges = because < 0 ? args[1..] : args[1..because];
                var reason = because < 0 ? "" : string.Join(' ', args[(because + 1)..]);
                Refuse(_machine.HandleSettle(Consumer(args), [.. ranges.Select(RangeOf)], Enum.Parse<SettleOutcome>(command, ignoreCase: true), reason));
                break;
            case "get":
                var result = _machine.HandleGet(Consumer(args), args.Contains("no-ack"), out var delivery);
                Tell(result switch { GetResult.Message => $"{args[0]} gets {Describe(delivery)}", GetResult.Empty => "empty", _ => "later" });
                break;
            case "cancel":
                _machine.HandleCancel(Consumer(args));
                break;
            case "consumer-gone":
                _machine.HandleConsumerGone(Consumer(args));
                break;
            case "publisher-gone":
                _machine.HandlePublisherGone(new PublisherId(IdOf(args[0])));
                break;
            case "purge":
                Tell($"{_machine.HandlePurge()} dropped");
                break;
            case "delete":
                Refuse(_machine.HandleDelete(ifUnused: args.Contains("if-unused"), ifEmpty: args.Contains("if-empty")));
                break;
            case "peek":
                Tell(!_machine.TryPeek((int)Number(args[0]), out var entries) ? "later" : entries.Count > 0 ? string.Join(' ', entries.Select(Describe)) : "empty");
                break;
            case "state":
                Tell($"ready {_machine.ReadyCount}, unsettled {_machine.UnsettledCount}, bytes {_machine.SizeBytes}, "
                    + $"consumers {_machine.ConsumerCount}, parked {_machine.ParkedCount}{(_machine.IsFull ? ", full" : "")}"
                    + (_machine.Ledger is null ? "" : $", in memory {_machine.LoadedBytes}"));
                break;
            default:
                PerformDurable(command, args);
                break;
        }
    }

    private void PerformDurable(string command, string[] args)
    {
        switch (command)
        {
            case "commit":
                _disk.CertainIndex = _machine.Ledger!.LastIndex;
                _machine.HandleCertain(_disk.CertainIndex);
                break;
            case "read":
                Assert.NotNull(_load);
                Assert.True(_disk.TryRead(_load, out var messages, out var last), "it is not on the disk yet");
                var lost = _machine.HandleLoaded(messages, _load.Position, last);
                _load = null;
                foreach (var range in lost)
                {
                    Tell($"lost {range.First}..{range.Last}");
                }

                break;
            case "damage":
                var damaged = RangeOf(args[0]);
                _disk.Damaged.UnionWith(Enumerable.Range((int)damaged.First, (int)damaged.Count).Select(p => (ulong)p));
                break;
            case "restart":
                _machine = new QueueMachine(_limits, QueueLedger.Restore(_machine.Ledger!.Checkpoint().Span, _machine.Ledger.LastIndex), _machine.Settings, Now, _uptime);
                _load = null;
                break;
            case "block" or "unblock":
                _machine.HandleBlocked(command == "block" ? string.Join(' ', args) : null);
                break;
            case "memory":
                _machine.HandleMemoryShort(args[0] == "short");
                break;
            default:
                PerformFeature(command, args);
                break;
        }
    }

    private void Publish(string shop, StoredMessage[] messages, long? sequence)
    {
        var producer = sequence is { } first ? new ProducerBatch(shop, Enumerable.Range((int)first, messages.Length).Select(s => (ulong)s).ToArray()) : default;
        _sizes.Add(_lastBatch + 1, messages.Length);
        _machine.HandleEnqueue(new PublisherId(IdOf(shop)), ++_lastBatch, messages, producer);
    }

    private string Describe(QueueEffect effect) => effect switch
    {
        QueueEffect.Accepted e => $"{_names[(int)e.Publisher.Value]} #{e.BatchId} accepted",
        QueueEffect.Parked e => $"{_names[(int)e.Publisher.Value]} #{e.BatchId} parked{(e.Reason == "is full" ? "" : $": {e.Reason}")}",
        QueueEffect.Dropped e => $"{_names[(int)e.Publisher.Value]} #{e.BatchId} dropped",
        QueueEffect.Deliver e => $"{_names[(int)e.Consumer.Value]} gets {string.Join(' ', e.Deliveries.Select(Describe))}",
        QueueEffect.ConsumerClosed e => $"{_names[(int)e.Consumer.Value]} closed",
        QueueEffect.Load e => $"to read from {(_load = e).Position}",
        _ => DescribeFeature(effect),
    };

    private static string Describe(Delivery delivery) => $"{delivery.Tag}:{Describe(delivery.Entry)}";

    private static string Describe(QueueEntry entry) =>
        TestMessages.NameOf(entry.Message) + (entry.DeliveryCount > 0 ? $"*{entry.DeliveryCount}" : "");

    private void Refuse(FrameFault? fault)
    {
        if (fault is { } f)
        {
            Tell($"refused, {f.Code}");
        }
    }

    private void Tell(string outcome) => _trace.Append("  > ").Append(outcome).Append('\n');

    private ConsumerId Consumer(string[] args) => new(IdOf(args[0]));

    private int IdOf(string name)
    {
        if (!_names.Contains(name))
        {
            _names.Add(name);
        }

        return _names.IndexOf(name);
    }

    private static SequenceRange RangeOf(string text)
    {
        var ends = text.Split("..");
        return new SequenceRange((ulong)Number(ends[0]), (ulong)Number(ends[^1]));
    }

    private static long Number(string text) => long.Parse(text, CultureInfo.InvariantCulture);
}
