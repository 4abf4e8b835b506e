using System.CommandLine;
using System.CommandLine.Parsing;
using System.Text;
using Broker.Pbm.Session;
using Broker.Protocol;

namespace Broker.Pbm.Messages;

/// <summary>The arguments of <c>message publish</c> and what they mean.</summary>
internal sealed class PublishArguments
{
    private readonly Argument<string?> _body = new("body") { Description = "The message, as UTF-8 text", Arity = ArgumentArity.ZeroOrOne };
    private readonly Option<string> _exchange = new("--exchange")
    {
        Description = "Exchange; the default one, \"\", routes to the queue that the key names", DefaultValueFactory = _ => "",
    };

    private readonly Option<string> _key = new("--key") { Description = "Routing key", DefaultValueFactory = _ => "" };
    private readonly Option<FileInfo?> _file = new("--file") { Description = "A file whose content is the message" };
    private readonly Option<bool> _stdin = new("--stdin") { Description = "Each line of standard input is a message" };
    private readonly Option<bool> _mandatory = new("--mandatory") { Description = "Have it returned if no queue takes it" };
    private readonly Option<bool> _transient = new("--transient") { Description = "Mark it as one that need not survive a restart; by default it is durable" };
    private readonly Option<string?> _contentType = new("--content-type") { Description = "MIME type of the body" };
    private readonly Option<string?> _messageId = new("--message-id") { Description = "The application's id of the message" };
    private readonly Option<string?> _correlationId = new("--correlation-id") { Description = "What the message answers or belongs to" };
    private readonly Option<string?> _replyTo = new("--reply-to") { Description = "Where to send answers" };
    private readonly Option<string[]> _headers = new("--header")
    {
        Description = "A header name=value, as text; repeat for more", DefaultValueFactory = _ => [],
    };

    public void AddTo(Command command)
    {
        command.Arguments.Add(_body);
        Option[] options =
            [_exchange, _key, _file, _stdin, _mandatory, _transient, _contentType, _messageId, _correlationId, _replyTo, _headers];
        foreach (var option in options)
        {
            command.Options.Add(option);
        }

        command.Validators.Add(Check);
    }

    /// <summary>The message without its body.</summary>
    /// <exception cref="PbmException">A property is too long, or a header occurs twice.</exception>
    public OutgoingMessage Template(ParseResult parsed)
    {
        try
        {
            var properties = new MessageProperties
            {
                ContentType = parsed.GetValue(_contentType),
                MessageId = parsed.GetValue(_messageId),
                CorrelationId = parsed.GetValue(_correlationId),
                ReplyTo = parsed.GetValue(_replyTo),
                Headers = FieldTable.Of(parsed.GetValue(_headers)!.Select(Header)),
            };
            return new OutgoingMessage(
                parsed.GetValue(_exchange)!, parsed.GetValue(_key)!, default, properties, parsed.GetValue(_mandatory), !parsed.GetValue(_transient));
        }
        catch (ArgumentException e)
        {
            throw new PbmException(ExitCode.Usage, "", e.Message);
        }
    }

    /// <summary>The bodies to publish, from wherever the arguments say.</summary>
    /// <exception cref="PbmException">The file cannot be read or is too large.</exception>
    public IAsyncEnumerable<ReadOnlyMemory<byte>> Bodies(ParseResult parsed, Stream input, CancellationToken cancellationToken) =>
        parsed.GetValue(_stdin)
            ? LineReader.ReadAsync(input, cancellationToken)
            : One(parsed.GetValue(_file) is { } file ? Read(file) : Encoding.UTF8.GetBytes(parsed.GetValue(_body)!));

    private void Check(CommandResult result)
    {
        var sources = (result.GetValue(_body) is null ? 0 : 1) + (result.GetValue(_file) is null ? 0 : 1) + (result.GetValue(_stdin) ? 1 : 0);
        if (sources != 1)
        {
            result.AddError("Give one of: a body, --file or --stdin.");
        }

        if (result.GetValue(_headers)?.FirstOrDefault(header => header.IndexOf('=', StringComparison.Ordinal) < 1) is { } wrong)
        {
            result.AddError($"--header '{wrong}' is not of the form name=value.");
        }
    }

    private static KeyValuePair<string, FieldValue> Header(string text)
    {
        var separator = text.IndexOf('=', StringComparison.Ordinal);
        return KeyValuePair.Create(text[..separator], FieldValue.From(text[(separator + 1)..]));
    }

    private static byte[] Read(FileInfo file)
    {
        try
        {
            return file.Length <= ProtocolLimits.DefaultMaxMessageBytes
                ? File.ReadAllBytes(file.FullName)
                : throw new PbmException(
                    ExitCode.Usage, "", $"'{file}' has {file.Length} bytes; a message has at most {ProtocolLimits.DefaultMaxMessageBytes}");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new PbmException(ExitCode.Usage, "", $"cannot read '{file}': {e.Message}");
        }
    }

    private static async IAsyncEnumerable<ReadOnlyMemory<byte>> One(byte[] body)
    {
        yield return body;
        await Task.CompletedTask;
    }
}
