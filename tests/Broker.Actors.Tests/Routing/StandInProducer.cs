using System.Threading.Channels;
using Broker.Actors.Queues;
using Broker.Actors.Runtime;
using Broker.Machines.Publishing;
using Broker.Protocol;
using Broker.Protocol.Links;

namespace Broker.Actors.Tests.Routing;

/// <summary>Stands for the stream of a producer, without what that would do by itself.</summary>
internal sealed class StandInProducer
{
    private readonly Channel<PublisherSignal.Answered> _answers = Channel.CreateUnbounded<PublisherSignal.Answered>();
    private readonly ActorRef _queue;
    private readonly ActorRef _actor;

    public StandInProducer(ActorSystem system, ActorRef queue)
    {
        _queue = queue;
        _actor = system.ActorOf(Props.Create(() => new Listener(_answers.Writer)));
    }

    /// <returns>Why the message was not taken; <c>null</c> if it was.</returns>
    public async Task<ErrorCode?> PublishAsync(ulong sequence, bool beginsAnew = false)
    {
        var batch = PublishBatch.Of("orders", "client\nstand-in", [new RouteItem(sequence, 0, 0, 0, "x"u8.ToArray())]);
        _queue.Tell(new QueueMessage.Enqueue(batch) { BeginsAnew = beginsAnew }, _actor);
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        try
        {
            return (await _answers.Reader.ReadAsync(patience.Token)).Fault?.Code;
        }
        catch (OperationCanceledException)
        {
            throw new TimeoutException($"waited 30 s for the answer to message {sequence}");
        }
    }

    private sealed class Listener(ChannelWriter<PublisherSignal.Answered> answers) : Actor
    {
        protected override void Receive(object message)
        {
            if (message is PublisherSignal.Answered answer)
            {
                answers.TryWrite(answer);
            }
        }
    }
}
