using Broker.Machines.Topology;

namespace Broker.Machines.Queues;

/// <summary>What declarations and policies come to.</summary>
public static class QueueSettingsOf
{
    extension(QueueSettings)
    {
        /// <summary>What a declaration and the policies for it come to.</summary>
        public static QueueSettings Of(QueueDefinition queue, QueueArguments? policy, QueueArguments? operatorPolicy)
        {
            var a = queue.Arguments;
            long? Least(Func<QueueArguments, long?> of) => new[] { of(a), policy is null ? null : of(policy), operatorPolicy is null ? null : of(operatorPolicy) }.Min();
            var limit = Least(x => x.DeliveryLimit) ?? (queue.Durable ? 20 : -1);
            return new QueueSettings
            {
                AutoDelete = queue.AutoDelete,
                MessageTtl = Least(x => x.MessageTtl),
                Expires = Least(x => x.Expires),
                MaxLength = Least(x => x.MaxLength),
                MaxLengthBytes = Least(x => x.MaxLengthBytes),
                Overflow = a.Overflow ?? policy?.Overflow ?? OverflowBehavior.DropHead,
                DeadLetters = (a.DeadLetterExchange ?? policy?.DeadLetterExchange) is not null,
                DeliveryLimit = limit < 0 ? null : limit,
                SingleActiveConsumer = a.SingleActiveConsumer ?? false,
                MaxPriority = a.MaxPriority ?? 0,
                ConsumerTimeout = a.ConsumerTimeout ?? policy?.ConsumerTimeout ?? 1_800_000,
                RetryBackoff = a.RetryBackoff ?? policy?.RetryBackoff ?? RetryBackoff.None,
                RetryDelay = a.RetryDelay ?? policy?.RetryDelay ?? 1_000,
                RetryMaxDelay = a.RetryMaxDelay ?? policy?.RetryMaxDelay ?? 600_000,
            };
        }
    }
}
