using Broker.Actors.Queues;
using Broker.Actors.Runtime;
using Broker.Actors.Runtime.Sharding;
using Broker.Actors.Server;
using Broker.Protocol;

namespace Broker.Actors.Tests.Topology;

/// <summary>In place of the region of queues: keeps what it is told, and answers as the test wants.</summary>
internal sealed class StandInQueues(NodeServices node, StandInQueues.Script script) : Actor
{
    private readonly Dictionary<string, LocalQueue> _queues = new(StringComparer.Ordinal);

    /// <summary>How it behaves, and what it was told.</summary>
    public sealed class Script
    {
        private readonly Lock _lock = new();
        private readonly List<(string Queue, QueueMessage Message)> _told = [];

        /// <summary>Answers nothing.</summary>
        public volatile bool IsSilent;

        /// <summary>Answers so; <c>null</c>: that it is done.</summary>
        public FrameFault? Refusal { get; set; }

        /// <summary>Messages that every queue says it has.</summary>
        public long Messages { get; set; }

        /// <summary>What it was told, in order.</summary>
        public List<(string Queue, QueueMessage Message)> Told
        {
            get
            {
                lock (_lock)
                {
                    return [.. _told];
                }
            }
        }

        public void Note(string queue, QueueMessage message)
        {
            lock (_lock)
            {
                _told.Add((queue, message));
            }
        }
    }

    protected override void Receive(object message)
    {
        var (name, told) = ((ShardEnvelope)message) switch { var e => (e.EntityId, (QueueMessage)e.Message) };
        switch (told)
        {
            case QueueMessage.Start m:
                if (_queues.Remove(name, out var old))
                {
                    node.Queues.Remove(old);
                }

                _queues[name] = new LocalQueue(m.Definition, Self, new QueueStatus());
                node.Queues.Add(_queues[name]);
                Answer(m.OperationId, new QueueReply.Started(m.OperationId, script.Messages, 0));
                break;
            case QueueMessage.Delete m:
                if (script is { Refusal: null, IsSilent: false })
                {
                    End(name);
                }

                Answer(m.OperationId, new QueueReply.Deleted(m.OperationId, script.Messages));
                break;
            case QueueMessage.Forget:
                End(name);
                break;
            default:
                break;
        }

        script.Note(name, told);
    }

    private void Answer(long operation, QueueReply answer)
    {
        if (!script.IsSilent)
        {
            Sender.Tell(script.Refusal is { } fault ? new QueueReply.Refused(operation, fault) : answer, Self);
        }
    }

    private void End(string name)
    {
        if (_queues.Remove(name, out var queue))
        {
            node.Queues.Remove(queue);
        }
    }
}
