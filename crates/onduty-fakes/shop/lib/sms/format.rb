# Brings telephone numbers and texts into the form that carriers take.
module Sms
  module Format
    GSM_LENGTH = 160
    UCS2_LENGTH = 70

    # +49 170 1234567, whatever way people write it.
    def self.number(raw, country:)
      digits = raw.gsub(/[^0-9+]/, "")
      digits = digits.sub(/\A00/, "+")
      return digits if digits.start_with?("+")
      "+#{Countries.calling_code(country)}#{digits.sub(/\A0/, "")}"
    end

    def self.parts(text)
      size = plain?(text) ? GSM_LENGTH : UCS2_LENGTH
      text.scan(/.{1,#{size}}/m)
    end

    def self.plain?(text)
      text.encode("GSM0338")
      true
    rescue Encoding::UndefinedConversionError
      false
    end

    # Carriers drop what they cannot show; we say it in simpler letters instead.
    def self.simplified(text)
      simple = I18n.transliterate(text, replacement: "?")
      simple.count("?") > text.size / 4 ? text : simple
    end
  end
end
