using System.Globalization;
using System.Text.RegularExpressions;
using Broker.Machines.Ledgers;
using Broker.Machines.Messages;
using Broker.Machines.Queues;
using Broker.Machines.Tests.Messages;
using Broker.Protocol;

namespace Broker.Machines.Tests.Queues;

/// <remarks>
/// Commands of queues with features:
/// <code>
/// publish SHOP A^3 B!100 C+500 D~key E=id      with priority, expiration, delay, group key, message id; taken now
/// at 1000              wall-clock +500       settings ttl=100 dead-letters          pause      resume      used
/// reject C 1 because TEXT              dead-lettered 1..2     delayed 5  deadline
/// counts               what is where   counters              those that are not zero
/// </code>
/// </remarks>
internal sealed partial class QueueScript
{
    private readonly Dictionary<long, int> _sizes = []; // of batches, in messages
    private long _uptime;
    private long _setBy; // how far the wall clock is ahead

    private long Now => _uptime + _setBy;

    /// <summary>Plays a story on a queue that ends with the process, and on a durable one.</summary>
    public static void PlayBoth(QueueSettings settings, string story)
    {
        Play(new QueueScript(new QueueLimits(), ledger: null, settings), story);
        PlayDurable(settings, story);
    }

    public static void PlayDurable(QueueSettings settings, string story, QueueLimits? limits = null) =>
        Play(new QueueScript(limits ?? new QueueLimits(), new QueueLedger(), settings), story);

    [GeneratedRegex(@"^(?<name>\w+)(:(?<size>\d+))?(\^(?<priority>\d+))?(!(?<expiration>\d+))?(\+(?<delay>\d+))?(~(?<group>\w+))?(=(?<id>\w+))?$", RegexOptions.ExplicitCapture)]
    private static partial Regex MessagePattern();

    private void PerformFeature(string command, string[] args)
    {
        switch (command)
        {
            case "at":
                _uptime = Number(args[0]);
                _machine.HandleTime(Now, _uptime);
                break;
            case "wall-clock":
                _setBy += Number(args[0]);
                _machine.HandleTime(Now, _uptime);
                break;
            case "settings":
                _machine.HandleSettings(Change(_machine.Settings, args));
                break;
            case "pause" or "resume":
                _machine.HandlePause(command == "pause");
                break;
            case "used":
                _machine.HandleUsed();
                break;
            case "dead-lettered":
                var range = RangeOf(args[0]);
                for (var sequence = range.First; sequence <= range.Last; sequence++)
                {
                    _machine.HandleDeadLettered(sequence);
                }

                break;
            case "delayed":
                var delayed = _machine.PeekDelayed((int)Number(args[0]));
                Tell(delayed.Count > 0 ? string.Join(' ', delayed.Select(d => $"{(d.Entry.Message.IsLoaded ? Describe(d.Entry) : $"#{d.Entry.Position}")}@{d.Due}")) : "none");
                break;
            case "deadline":
                var deadline = Math.Min(_machine.NextDeadline - _setBy ?? long.MaxValue, _machine.NextTimeout ?? long.MaxValue);
                Tell(deadline < long.MaxValue ? deadline.ToString(CultureInfo.InvariantCulture) : "none");
                break;
            case "counts":
                Tell($"ready {_machine.ReadyCount}, unsettled {_machine.UnsettledCount}, delayed {_machine.DelayedCount}, dead {_machine.DeadCount}");
                break;
            case "counters":
                Tell(Describe(_machine.Counters));
                break;
            default:
                throw new ArgumentException($"'{command}' is no command of a queue script");
        }
    }

    private static QueueSettings Change(QueueSettings settings, string[] changes)
    {
        foreach (var change in changes)
        {
            var parts = change.Split('=');
            long? number = parts.Length > 1 && parts[1] != "none" ? Number(parts[1]) : null;
            settings = parts[0] switch
            {
                "ttl" => settings with { MessageTtl = number },
                "expires" => settings with { Expires = number },
                "max-length" => settings with { MaxLength = number },
                "max-bytes" => settings with { MaxLengthBytes = number },
                "limit" => settings with { DeliveryLimit = number },
                "timeout" => settings with { ConsumerTimeout = number },
                "dead-letters" => settings with { DeadLetters = true },
                "no-dead-letters" => settings with { DeadLetters = false },
                "drop-head" => settings with { Overflow = OverflowBehavior.DropHead },
                "reject-publish" => settings with { Overflow = OverflowBehavior.RejectPublish },
                "reject-publish-dlx" => settings with { Overflow = OverflowBehavior.RejectPublishDeadLetter, DeadLetters = true },
                "window" => settings with { DeduplicationWindow = number },
                "max-priority" => settings with { MaxPriority = (int)number! },
                _ => throw new ArgumentException($"'{change}' is no setting"),
            };
        }

        return settings;
    }

    private string DescribeFeature(QueueEffect effect) => effect switch
    {
        QueueEffect.NotAccepted { Refused: [var only] } e when only.First + only.Count == _sizes[e.BatchId] =>
            $"{_names[(int)e.Publisher.Value]} #{e.BatchId} accepted {only.First}, others refused: {only.Fault.Code}, {only.Fault.Reason}",
        QueueEffect.NotAccepted e =>
            $"{_names[(int)e.Publisher.Value]} #{e.BatchId} refused {string.Join("; ", e.Refused.Select(r => $"{r.First + 1}..{r.First + r.Count}: {r.Fault.Code}, {r.Fault.Reason}"))}",
        QueueEffect.DeadLetter { Message: var m } => $"dead {m.Sequence}: {Describe(m.Entry)} {m.Reason.NameOf()} at {m.At}{(m.Text.Length > 0 ? $", {m.Text}" : "")}",
        QueueEffect.Unused e => $"unused: {e.Reason}",
        QueueEffect.ConsumerRefused e => $"{_names[(int)e.Consumer.Value]} ends: {e.Fault.Code}, {e.Fault.Reason}",
        _ => throw new ArgumentException($"effect {effect}"),
    };

    private static string Describe(QueueCounters counters)
    {
        (string Name, long Count)[] all =
        [
            ("enqueued", counters.Enqueued), ("rejected", counters.Rejected), ("expired", counters.Expired), ("overflowed", counters.Overflowed),
            ("returned-too-often", counters.ReturnedTooOften), ("dead-lettered", counters.DeadLettered), ("dropped", counters.Dropped), ("refused", counters.Refused),
            ("duplicates", counters.Duplicates), ("conflated", counters.Conflated),
        ];
        return string.Join(", ", all.Where(c => c.Count > 0).Select(c => $"{c.Name} {c.Count}"));
    }

    private StoredMessage MessageOf(string text)
    {
        var match = MessagePattern().Match(text);
        Assert.True(match.Success, $"'{text}' is no message");
        string? Part(string name) => match.Groups[name] is { Success: true, Value: var value } ? value : null;
        TimeSpan? Time(string name) => Part(name) is { } value ? TimeSpan.FromMilliseconds(Number(value)) : null;
        var properties = new MessageProperties { MessageId = Part("id"), GroupKey = Part("group"), Expiration = Time("expiration"), Delay = Time("delay") };
        var priority = (byte)Number(Part("priority") ?? "0");
        return properties == new MessageProperties()
            ? new StoredMessage(TestMessages.Named(Part("name")!, (int)Number(Part("size") ?? "10")).Bytes, new MessageMeta(MessageTraits.None, priority, Now))
            : TestMessages.Special(Part("name")!, properties, priority, Now);
    }

    private static int? OptionOf(string[] args, string name) =>
        Array.Find(args, a => a.StartsWith($"{name}=", StringComparison.Ordinal) ) is { } option ? (int)Number(option[(name.Length + 1)..]) : null;
}
